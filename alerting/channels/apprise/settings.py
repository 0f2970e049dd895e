"""Apprise's settings in a receiver, and their check."""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, is_given, one_form
from driftbell.runtime.config.section import Secret

_URL = re.compile(r"[A-Za-z][A-Za-z0-9]*://\S+")


class AppriseConfig(ChannelConfig, frozen=True):
    """Any service that Apprise knows (Matrix, Telegram, Discord, ...); never for paging. Needs `driftbell[apprise]`."""

    #: One of Apprise's URLs (`matrix://...`). It holds tokens and passwords: it is a secret.
    url: Secret | None = None
    url_file: str | None = None
    url_env: str | None = None
    #: Jinja2 over the notification; absent: driftbell's own message.
    title: str | None = None
    body: str | None = None


def check(apprise: AppriseConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(apprise, ("url",))
    if not is_given(apprise, "url"):
        yield BadSetting((), "apprise has no URL", "add url, url_file or url_env")
    elif apprise.url is not None:
        for wrong in url_problems(apprise.url):
            yield wrong.below(("url",))


def url_problems(url: str) -> Iterator[BadSetting]:
    """What is wrong with a URL of Apprise's, in words without it, as far as one sees without the library."""
    if _URL.fullmatch(url) is None:
        yield BadSetting((), "this is not one URL of Apprise's", "write one such as matrix://user:token@host/room")
