"""ntfy as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.ntfy.settings import NtfyConfig, check, topic_problems
from driftbell.alerting.channels.secrets import secret_of


def build(ntfy: NtfyConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.http_config.options import HttpOptions
    from driftbell.alerting.channels.ntfy.ntfy import NtfyChannel

    topic = context.readable(secret_of(ntfy, "topic"))
    context.examine(topic, topic_problems)
    token, password = secret_of(ntfy, "token"), secret_of(ntfy, "password")
    return NtfyChannel(
        context.session,
        ntfy.server,
        topic,
        options=HttpOptions(
            credentials=None if token is None else context.readable(token),
            username=ntfy.username or "",
            password=None if password is None else context.readable(password),
        ),
        priority=context.optional_template(ntfy.priority, "priority"),
        tags=ntfy.tags,
        click=ntfy.click,
        icon=ntfy.icon,
        title=context.optional_template(ntfy.title, "title"),
        text=context.optional_template(ntfy.message, "message"),
    )


def address(ntfy: NtfyConfig) -> Address:
    """The topic, whoever posts there."""
    return (ntfy.server, secret_of(ntfy, "topic"))


NTFY = ChannelKind("ntfy", NtfyConfig, check, build, address)
