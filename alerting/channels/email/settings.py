"""The settings of email in a receiver, and their check."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, host_and_port, one_form
from driftbell.runtime.config.section import Secret


class EmailConfig(ChannelConfig, frozen=True):
    """SMTP. All mails of an incident form one thread."""

    #: One or several addresses, separated by commas.
    to: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    smarthost: str | None = None
    hello: str | None = None
    auth_username: str | None = None
    auth_password: Secret | None = None
    auth_password_file: str | None = None
    auth_password_env: str | None = None
    require_tls: bool | None = None
    #: PEM file of the authorities to trust at the mail server; absent: the system's.
    tls_ca_file: str | None = None
    #: Extra headers, and Jinja2 for ``Subject``.
    headers: dict[str, str] = {}
    text: str | None = None


def check(email: EmailConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(email, ("auth_password",))
    yield from host_and_port(email.smarthost, ("smarthost",))
    if not email.to:
        yield BadSetting((), "email has no recipient", "add to: oncall@example.org")
    if not (email.smarthost or defaults.smtp_smarthost):
        yield BadSetting((), "email has no server", "add smarthost: host:port, or smtp_smarthost under global")
    if not (email.from_ or defaults.smtp_from):
        yield BadSetting((), "email has no sender", "add from: driftbell@example.org, or smtp_from under global")
    seen: set[str] = set()
    for name in email.headers:
        if name.title() in seen or not re.fullmatch(r"[!-9;-~]+", name):
            yield BadSetting(
                ("headers", name), f"header {name!r} is repeated or not a header name", "remove or rename it"
            )
        seen.add(name.title())
