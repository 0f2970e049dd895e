"""Tokens for SASL/OAUTHBEARER by OpenID Connect's client credentials, as librdkafka's ``method=oidc`` gets them.

librdkafka fetches its own; this one is for aiokafka, which asks a provider.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from aiokafka.abc import AbstractTokenProvider

#: A token is renewed after this share of its life, as librdkafka does.
_RENEW_AFTER = 0.8
#: Seconds. aiokafka connects to every broker again; a slow identity provider must not hold it for longer than a request.
_TIMEOUT = 10.0


class OidcTokenProvider(AbstractTokenProvider):
    """Fetches a token and gives the same one until most of its life is over. Safe in several threads and event loops."""

    def __init__(
        self,
        *,
        endpoint: str,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        extensions: dict[str, str] | None = None,
        ca_file: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if urllib.parse.urlsplit(endpoint).scheme not in {"http", "https"}:
            raise ValueError(f"sasl.oauthbearer.token.endpoint.url must be an http(s) address, not {endpoint!r}")
        self._endpoint = endpoint
        self._login = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._scope = scope
        self._extensions = extensions or {}
        self._ca_file = ca_file
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = float("-inf")

    async def token(self) -> str:
        """A valid token.

        Raises:
            ConnectionError: the identity provider did not give one; the message says what it answered.
        """
        return await asyncio.to_thread(self._current)

    def extensions(self) -> dict[str, str]:
        """SASL extensions (RFC 7628)."""
        return self._extensions

    def _current(self) -> str:
        with self._lock:
            if self._now() >= self._renew_at:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked in __init__
            self._endpoint,
            data=urllib.parse.urlencode(form).encode(),
            headers={
                "Authorization": f"Basic {self._login}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        context = ssl.create_default_context(cafile=self._ca_file) if self._endpoint.startswith("https") else None
        started = self._now()
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT, context=context) as response:  # noqa: S310 - as above
                answer = json.load(response)
            self._token = answer["access_token"]
            lifetime = float(answer.get("expires_in", 300))
        except urllib.error.HTTPError as error:
            with error:
                body = error.read(500).decode(errors="replace")
            raise ConnectionError(f"the token endpoint answered {error.code}: {body}") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConnectionError(f"the token endpoint gave no token: {error!r}") from error
        self._renew_at = started + _RENEW_AFTER * lifetime
