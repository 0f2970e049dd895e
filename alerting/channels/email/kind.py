"""Email as a kind of channel."""

from __future__ import annotations

from email.utils import getaddresses

import msgspec

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.settings import EmailConfig, check
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import RefusedError
from driftbell.runtime.config.router import Global
from driftbell.runtime.config.rules import SECRET_FORMS, is_given


def build(email: EmailConfig, context: BuildContext) -> Channel:
    """The channel of checked settings.

    Raises:
        RefusedError: the certificate file cannot be used.
    """
    from driftbell.alerting.channels.email.email import EmailChannel, Smarthost
    from driftbell.alerting.channels.email.message import addresses, reserved

    defaults = context.router.global_
    host, _, port = (email.smarthost or defaults.smtp_smarthost or "").rpartition(":")
    password = secret_of(email, "auth_password") or secret_of(defaults, "smtp_auth_password")
    smarthost = Smarthost(
        host=host.strip("[]"),
        port=int(port) if port.isdigit() else 0,  # refused by the check of global
        require_tls=defaults.smtp_require_tls if email.require_tls is None else email.require_tls,
        hello=email.hello or defaults.smtp_hello,
        username=email.auth_username or defaults.smtp_auth_username,
        password=None if password is None else context.readable(password),
        tls_ca_file=email.tls_ca_file if context.with_environment else None,
    )
    sender = email.from_ or defaults.smtp_from or ""
    recipients: list[str] = []
    try:
        recipients = addresses(email.to or "")
    except ValueError as error:
        context.refuse("to", str(error), "write addresses such as oncall@example.org, separated by commas")
    try:
        addresses(sender)
    except ValueError as error:
        context.refuse("from", str(error), "write an address such as driftbell@example.org")
    for header in email.headers:
        if reserved(header):
            context.refuse(f"headers.{header}", f"header {header} is set by driftbell itself", "remove it")
    headers = {name.title(): context.template(text, f"headers.{name}") for name, text in email.headers.items()}
    text = context.optional_template(email.text, "text")
    try:
        return EmailChannel(smarthost, sender, recipients, headers=headers, text=text)
    except OSError as error:
        message = f"{email.tls_ca_file} cannot be used ({error})"
        context.refuse("tls_ca_file", message, "name a PEM file of the authorities to trust")
        raise RefusedError(message) from error


def filled(email: EmailConfig, defaults: Global) -> EmailConfig:
    """With the server and the sender of ``global``."""
    given = {
        "smarthost": email.smarthost or defaults.smtp_smarthost,
        "from_": email.from_ or defaults.smtp_from,
        "hello": email.hello or defaults.smtp_hello,
        "auth_username": email.auth_username or defaults.smtp_auth_username,
        "require_tls": defaults.smtp_require_tls if email.require_tls is None else email.require_tls,
    }
    if not is_given(email, "auth_password"):
        given |= {f"auth_password{form}": getattr(defaults, f"smtp_auth_password{form}") for form in SECRET_FORMS}
    return msgspec.structs.replace(email, **given)


def address(email: EmailConfig) -> Address:
    """The recipients, by whatever server."""
    return tuple(sorted(found.lower() for _, found in getaddresses([email.to or ""])))


EMAIL = ChannelKind("email", EmailConfig, check, build, address, filled)
