"""Pushover as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.pushover.settings import PushoverConfig, check, key_problems
from driftbell.alerting.channels.secrets import secret_of


def build(pushover: PushoverConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.pushover.pushover import Emergency, PushoverChannel

    user, token = (context.readable(secret_of(pushover, name)) for name in ("user_key", "token"))
    for key in (user, token):
        context.examine(key, key_problems)
    fixed = {
        "device": pushover.device,
        "sound": pushover.sound,
        "ttl": None if pushover.ttl is None else str(max(1, round(pushover.ttl))),
        "url": pushover.url,
        "url_title": pushover.url_title,
    }
    return PushoverChannel(
        context.session,
        token,
        user,
        pushover.api_url,
        emergency=Emergency(round(pushover.retry), round(pushover.expire)),
        fixed={name: value for name, value in fixed.items() if value is not None},
        priority=context.optional_template(pushover.priority, "priority"),
        title=context.optional_template(pushover.title, "title"),
        text=context.optional_template(pushover.message, "message"),
    )


def address(pushover: PushoverConfig) -> Address:
    """Whose telephones; an emergency is ended by the application that began it."""
    return (pushover.api_url, pushover.device, *(secret_of(pushover, name) for name in ("user_key", "token")))


PUSHOVER = ChannelKind("pushover", PushoverConfig, check, build, address)
