"""Who may ask: a bearer token or a name and a password, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import logging

from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router_api import ApiConfig

log = logging.getLogger(__name__)


class AccessReason(enum.StrEnum):
    """Why a request is let in, or not. The value is the log field and what tests assert."""

    #: The configuration asks for nothing.
    OPEN = "open"
    ADMITTED = "admitted"
    NO_CREDENTIALS = "no_credentials"
    WRONG_CREDENTIALS = "wrong_credentials"
    #: The secret to compare with cannot be read.
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a reason, not a secret

    @property
    def admits(self) -> bool:
        """Whether the request is answered."""
        return self in (AccessReason.OPEN, AccessReason.ADMITTED)


class Access:
    """The check. Secrets in files and variables are read at every request: a rotated one holds at once."""

    def __init__(self, settings: ApiConfig) -> None:
        self._token = secret_of(settings, "bearer_token")
        self._password = secret_of(settings, "password")
        self._username = settings.username or ""

    @property
    def scheme(self) -> str:
        """What a client is told to send."""
        return "Bearer" if self._password is None else "Basic"

    def check(self, authorization: str | None) -> AccessReason:
        """Judge the header ``Authorization`` of a request."""
        if self._token is None and self._password is None:
            return AccessReason.OPEN
        if not authorization:
            return AccessReason.NO_CREDENTIALS
        scheme, _, given = authorization.partition(" ")
        try:
            if scheme.lower() == "bearer" and self._token is not None:
                admitted = _same(given.strip(), self._token.read())
            elif scheme.lower() == "basic" and self._password is not None:
                admitted = _same(_decoded(given.strip()), f"{self._username}:{self._password.read()}")
            else:
                admitted = False
        except SecretError as error:
            log.error("the API's secret cannot be read, so nobody is let in", extra={"error": str(error)})
            return AccessReason.SECRET_MISSING
        return AccessReason.ADMITTED if admitted else AccessReason.WRONG_CREDENTIALS


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _same(given: str, wanted: str) -> bool:
    # Of digests, so that not even the length shows in the time that it takes.
    digests = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, wanted))
    return hmac.compare_digest(*digests)
