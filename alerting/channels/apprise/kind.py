"""Apprise as a kind of channel."""

from __future__ import annotations

import importlib.util

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.apprise.settings import AppriseConfig, check, url_problems
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of


def build(apprise: AppriseConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.apprise.apprise import AppriseChannel, service_problems
    from driftbell.alerting.channels.apprise.text import quiet
    from driftbell.alerting.channels.http import request_seconds

    url = context.readable(secret_of(apprise, "url"))
    context.examine(url, url_problems)
    if importlib.util.find_spec("apprise") is not None:
        context.examine(url, service_problems)
    elif context.with_environment:
        context.refuse("", "the library Apprise is not installed", "run: pip install 'driftbell[apprise]'")
    return AppriseChannel(
        url,
        title=context.optional_template(apprise.title, "title", quiet),
        body=context.optional_template(apprise.body, "body", quiet),
        seconds=request_seconds(context.router.session_timeout),
    )


def address(apprise: AppriseConfig) -> Address:
    """The URL: which parts of it are a place only its service knows."""
    return (secret_of(apprise, "url"),)


APPRISE = ChannelKind("apprise", AppriseConfig, check, build, address, pages=False)
