"""Pushover's settings in a receiver, and their check."""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Duration, Secret

#: pushover.net/api#identifiers: 30 characters.
_KEY = re.compile(r"[A-Za-z0-9]{30}")
#: pushover.net/api#priority: an emergency is repeated every 30 seconds at most, for three hours at most.
MIN_RETRY_SECONDS = 30.0
MAX_EXPIRE_SECONDS = 10_800.0


class PushoverConfig(ChannelConfig, frozen=True):
    """Pushover: push messages; a critical one is repeated until somebody acknowledges it on a telephone."""

    #: Of a user or a group.
    user_key: Secret | None = None
    user_key_file: str | None = None
    user_key_env: str | None = None
    #: Of the application.
    token: Secret | None = None
    token_file: str | None = None
    token_env: str | None = None
    api_url: str = "https://api.pushover.net"
    #: Names of devices, divided by commas; absent: all.
    device: str | None = None
    sound: str | None = None
    #: Jinja2; -2 to 2, 2 being repeated until it is acknowledged. Absent: by severity, and lower for what is no call.
    priority: str | None = None
    #: How often, and for how long, what has priority 2 is repeated.
    retry: Duration = 60.0
    expire: Duration = 3_600.0
    #: After which a message disappears; absent: never.
    ttl: Duration | None = None
    #: Address under the message; absent: the runbook, else the router.
    url: str | None = None
    url_title: str | None = None
    #: Jinja2 over the notification; absent: driftbell's own message.
    title: str | None = None
    message: str | None = None


def check(pushover: PushoverConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(pushover, ("user_key", "token"))
    for key in ("api_url", "url"):
        yield from http_url(getattr(pushover, key), (key,))
    for secret in ("user_key", "token"):
        if not is_given(pushover, secret):
            yield BadSetting((), f"Pushover has no {secret}", f"add {secret}, {secret}_file or {secret}_env")
    if pushover.retry < MIN_RETRY_SECONDS:
        yield BadSetting(("retry",), "retry is below 30s", "use 30s or more")
    if pushover.expire > MAX_EXPIRE_SECONDS:
        yield BadSetting(("expire",), "expire is above 3h", "use 3h or less")
    if pushover.url is not None and len(pushover.url) > 512:
        yield BadSetting(("url",), "the address has more than 512 characters", "use a shorter one")


def key_problems(key: str) -> Iterator[BadSetting]:
    """What is wrong with a key or token, in words without it."""
    if _KEY.fullmatch(key) is None:
        yield BadSetting(
            (), "it has 30 letters and digits at Pushover, this has another form", "copy it from pushover.net"
        )
