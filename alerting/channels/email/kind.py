"""Email as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.settings import EmailConfig, check
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import RefusedError


def build(email: EmailConfig, context: BuildContext) -> Channel:
    """The channel of checked settings.

    Raises:
        RefusedError: an address, header or certificate file cannot be used.
    """
    from driftbell.alerting.channels.email.email import EmailChannel, Smarthost
    from driftbell.alerting.channels.email.message import addresses, reserved

    defaults, place = context.router.global_, context.place
    host, _, port = (email.smarthost or defaults.smtp_smarthost or "").rpartition(":")
    password = secret_of(email, "auth_password") or secret_of(defaults, "smtp_auth_password")
    smarthost = Smarthost(
        host=host.strip("[]"),
        port=int(port),
        require_tls=defaults.smtp_require_tls if email.require_tls is None else email.require_tls,
        hello=email.hello or defaults.smtp_hello,
        username=email.auth_username or defaults.smtp_auth_username,
        password=None if password is None else context.readable(password),
        tls_ca_file=email.tls_ca_file,
    )
    sender = email.from_ or defaults.smtp_from or ""
    try:
        recipients = addresses(email.to or "")
        addresses(sender)
    except ValueError as error:
        raise RefusedError(f"{place}: {error}") from error
    for header in email.headers:
        if reserved(header):
            raise RefusedError(f"{place}: header {header} is set by driftbell and cannot be configured")
    headers = {name.title(): context.template(text, f"headers.{name}") for name, text in email.headers.items()}
    text = context.optional_template(email.text, "text")
    try:
        return EmailChannel(smarthost, sender, recipients, headers=headers, text=text)
    except OSError as error:
        raise RefusedError(f"{place}.tls_ca_file: {email.tls_ca_file} cannot be used ({error})") from error


EMAIL = ChannelKind("email", EmailConfig, check, build)
