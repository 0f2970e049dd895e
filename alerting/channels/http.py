"""One HTTP request of a channel: what came back, or why nothing did, without the address or any secret in it."""

from __future__ import annotations

import email.utils
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from driftbell.alerting.channels.http_config.request_settings import RequestSettings
from driftbell.alerting.channels.secrets import redact
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed
from driftbell.alerting.rendering.text import one_line, truncate

#: Seconds until a connection stands, and until the whole answer is there at most. Alertmanager's own limit is the group
#: interval; vendors answer within a second or are ill.
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
#: The part of the session time-out in which a request must end.
_OF_THE_SESSION = 0.6

#: How much of an answer is read: Slack's repeats the message, and a broken proxy may send a whole site.
_ANSWER_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a vendor answered. ``text`` is one short line without secrets, for people; ``body`` is the answer itself."""

    status: int
    text: str
    retry_after_seconds: float | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def request_seconds(session_timeout_seconds: float) -> float:
    """How long a request may take: it must be over before another router can take over from one that is silent."""
    return min(TOTAL_SECONDS, session_timeout_seconds * _OF_THE_SESSION)


def new_session(
    *, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
) -> aiohttp.ClientSession:
    """A session for channels.

    Connections are not kept: on one that the server has closed meanwhile a request fails in a way that does not say
    whether it arrived, and at a few messages a second a handshake costs nothing.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        headers={"User-Agent": "driftbell"},
        trust_env=True,
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    options: RequestSettings | None = None,
) -> HttpResponse | Outcome:
    """POST JSON. An ``Outcome`` says that there was no answer, and whether the request may have arrived."""
    given = options or RequestSettings()
    secrets += given.secrets
    try:
        async with session.post(
            url,
            # aiohttp takes large bytes only from a file object: it writes those in pieces.
            data=io.BytesIO(body),
            headers={"Content-Type": "application/json", **(headers or {}), **given.headers},
            proxy=given.proxy,
            ssl=given.tls or True,
            server_hostname=given.server_name,
            # A redirect would carry the secret to another host.
            allow_redirects=False,
        ) as response:
            body = await _read(response)
            text = _short(body.decode(errors="replace"), secrets)
            wait = retry_after(response.headers.get("Retry-After"))
            return HttpResponse(response.status, text, wait, body, response.headers)
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return failed(OutcomeReason.CLIENT_ERROR, "the URL is not valid")
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError) as error:
        return failed(OutcomeReason.CONNECTION_FAILED, _describe(error, secrets))
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return failed(OutcomeReason.NO_ANSWER, _describe(error, secrets))
    except ValueError:  # after those above: a certificate's error is one too
        # Without the error's own text: it may repeat the header.
        return failed(OutcomeReason.CLIENT_ERROR, "the request cannot be written: a header has a line break")


def classify(status: int) -> OutcomeReason:
    """What an HTTP status means where the vendor's contract does not say otherwise."""
    if 200 <= status < 300:
        return OutcomeReason.SENT
    known = {
        400: OutcomeReason.CONTENT_REJECTED,
        401: OutcomeReason.AUTH_ERROR,
        403: OutcomeReason.AUTH_ERROR,
        404: OutcomeReason.DESTINATION_GONE,
        # The server gave up waiting for the request, so it has not acted on it.
        408: OutcomeReason.SERVER_ERROR,
        410: OutcomeReason.DESTINATION_GONE,
        413: OutcomeReason.CONTENT_REJECTED,
        422: OutcomeReason.CONTENT_REJECTED,
        429: OutcomeReason.RATE_LIMITED,
    }
    if status in known:
        return known[status]
    return OutcomeReason.SERVER_ERROR if status >= 500 else OutcomeReason.CLIENT_ERROR


def refused(answer: HttpResponse) -> Outcome:
    """The outcome of an answer that is not the vendor's success, whatever its status says."""
    reason = classify(answer.status)
    if reason is OutcomeReason.SENT:
        # A proxy, or another server than was meant: the message has most likely not arrived.
        reason = OutcomeReason.CLIENT_ERROR
    return failed(reason, f"HTTP {answer.status}: {answer.text}", retry_after_seconds=answer.retry_after_seconds)


def retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks to wait (RFC 9110, 10.2.3: seconds or a date), else None."""
    if text is None:
        return None
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        # "-0000" says that the zone is not known; RFC 9110 has UTC only.
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _ANSWER_BYTES:
            break
    return bytes(body)


def _describe(error: Exception, secrets: tuple[str, ...]) -> str:
    text: Any = str(error) or "no answer in time"
    return _short(f"{type(error).__name__}: {text}", secrets)


def _short(text: str, secrets: tuple[str, ...]) -> str:
    # Redacted before it is cut: the first half of a secret is not recognised any more, and is half of a secret.
    return truncate(redact(one_line(text), secrets), 500)
