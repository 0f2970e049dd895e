"""Forwarding to an Alertmanager, or to all of a cluster, as Prometheus does.

Contract: ``api/v2/openapi.yaml`` of Alertmanager, prometheus.io/docs/alerting/latest/clients: what fires is posted again and
again, with an end in the future; what is over once, with its end. Any 2xx is success; of a batch that is refused with 400 the
sound alerts are taken all the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import aiohttp
import msgspec

from driftbell.alerting.channels.alertmanager.postable import postable
from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.http_config.options import HttpOptions
from driftbell.alerting.errors import SecretError, where_raised
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry, failed, sent
from driftbell.schemas import Alert

log = logging.getLogger(__name__)

#: Alerts in one request; a page that all of a storm is in would be megabytes.
BATCH = 500

#: Which of several failures is told: the one that lets the delivery be tried again.
_ORDER = [Retry.YES, Retry.UNKNOWN, Retry.NO]


class AlertmanagerChannel:
    """One Alertmanager, or the members of one cluster.

    ``repeatable``: an alert is known by its labels, so a repeated one is the same.
    """

    repeatable = True
    in_flight = 1
    rate: Rate | None = None

    def __init__(
        self,
        session: aiohttp.ClientSession,
        addresses: Sequence[str],
        *,
        options: HttpOptions | None = None,
        keep_seconds: float = 60.0,
        resolve_after_seconds: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._urls = [f"{address.rstrip('/')}/api/v2/alerts" for address in addresses]
        self._options = options or HttpOptions()
        self._resolve_after_ms = round(resolve_after_seconds * 1000)
        self._clock = clock
        #: A repetition must not overtake a close.
        self._turn = asyncio.Lock()
        #: Those that have not taken the last that was sent to them, but may take the next.
        self._silent: set[str] = set()
        self.keep_seconds = keep_seconds

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``. One of the addresses must take it: the others get it with the next repetition."""
        alerts = delivery.notification.alerts
        async with self._turn:
            return await send_or_minimal(
                lambda: self._encoded(alerts), lambda: self._encoded(alerts, plain=True), self._send
            )

    async def keep(self, firing: Callable[[], Sequence[Alert]]) -> Outcome:
        """See ``KeepsAlive.keep``."""
        async with self._turn:
            alerts = firing()
            for start in range(0, len(alerts), BATCH):
                outcome = await self._post_to(self._urls, self._sound(alerts[start : start + BATCH]))
                # Of a batch that is refused, what is sound was taken.
                if not outcome.ok and outcome.reason is not OutcomeReason.CONTENT_REJECTED:
                    return outcome
        return sent()

    async def close(self) -> None:
        """The session belongs to who made it."""

    def _encoded(self, alerts: Sequence[Alert], *, plain: bool = False) -> bytes:
        now_ms = round(self._clock() * 1000)
        return msgspec.json.encode([postable(one, now_ms, self._resolve_after_ms, plain=plain) for one in alerts])

    def _sound(self, alerts: Sequence[Alert]) -> bytes:
        """Those that can be encoded: one alert that cannot be does not close all others over there."""
        now_ms = round(self._clock() * 1000)
        found = []
        for alert in alerts:
            try:
                found.append(msgspec.json.encode(postable(alert, now_ms, self._resolve_after_ms)))
            except Exception as error:
                log.error("an alert cannot be said again", extra={"alert": alert.id, "error": where_raised(error)})
        return b"[" + b",".join(found) + b"]"

    async def _send(self, body: bytes) -> Outcome:
        # A member that does not answer is left to the repetitions: every page would wait for it.
        return await self._post_to([url for url in self._urls if url not in self._silent] or self._urls, body)

    async def _post_to(self, urls: Sequence[str], body: bytes) -> Outcome:
        outcomes = await asyncio.gather(*(self._post(url, body) for url in urls))
        for url, outcome in zip(urls, outcomes, strict=True):
            if outcome.retry is Retry.NO:
                self._silent.discard(url)
            elif url not in self._silent:
                self._silent.add(url)
                fields = {"address": urlsplit(url).netloc, "detail": outcome.detail}
                log.warning("an alertmanager takes no alerts", extra=fields)
        if any(outcome.ok for outcome in outcomes):
            return sent()
        return min(outcomes, key=lambda outcome: _ORDER.index(outcome.retry))

    async def _post(self, url: str, body: bytes) -> Outcome:
        try:
            options = self._options.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))
        answer = await post(self._session, url, body, options=options)
        if not isinstance(answer, HttpResponse):
            return answer
        return sent() if 200 <= answer.status < 300 else refused(answer)
