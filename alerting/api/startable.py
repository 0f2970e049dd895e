"""What a start of the API needs of the machine: its secrets and its certificate. ``config check`` asks the same."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from driftbell.alerting.channels.secrets import unreadable
from driftbell.alerting.errors import RefusedError
from driftbell.runtime.config.router_api import ApiConfig
from driftbell.runtime.config.rules import BadSetting


def refusals(api: ApiConfig) -> Iterator[BadSetting]:
    """Why the API could not be served; paths are below ``router``. Connects to nothing."""
    for name in ("bearer_token", "password"):
        yield from unreadable(api, name, "api")
    try:
        tls_of(api)
    except RefusedError as error:
        yield BadSetting(("api", "tls_cert_file"), str(error), "give the PEM files of one pair")


def tls_of(settings: ApiConfig) -> ssl.SSLContext | None:
    """The certificate to serve with; None for plain HTTP.

    Raises:
        RefusedError: certificate or key cannot be used.
    """
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    except OSError as error:
        raise RefusedError(
            f"certificate {settings.tls_cert_file} and key {settings.tls_key_file} cannot be used "
            f"({getattr(error, 'reason', None) or error.strerror or type(error).__name__})"
        ) from error
    return context
