"""The heartbeat: at every beat a look at the router, and a message to whoever calls people when it stays away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable

import aiohttp

from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.registry import Endpoint
from driftbell.alerting.channels.secrets import SecretSource, secret_of
from driftbell.alerting.errors import SecretError
from driftbell.alerting.heartbeat.vitals import Vital, Vitals, judge
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.trial import beat
from driftbell.alerting.times import rfc3339
from driftbell.runtime.config.router_heartbeat import HeartbeatConfig

log = logging.getLogger(__name__)


class Heartbeat:
    """Beats until it is cancelled.

    Args:
        settings: to whom, and how often.
        session: for the URL.
        endpoints: all channels now.
        look: at the router.
        count: called with what became of each beat: a reason of ``Vital`` or ``OutcomeReason``.
    """

    def __init__(
        self,
        settings: HeartbeatConfig,
        session: aiohttp.ClientSession,
        endpoints: Callable[[], Iterable[Endpoint]],
        look: Callable[[], Vitals],
        count: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._session = session
        self._endpoints = endpoints
        self._look = look
        self._count = count
        self._url: SecretSource | None = secret_of(settings, "url")
        self._last = Vital.WELL

    async def run(self) -> None:
        """The loop."""
        while True:
            try:
                await self.beat()
            except Exception:  # The dead man's switch must not end with one strange answer.
                log.exception("the heartbeat failed")
            await asyncio.sleep(self._settings.every)

    async def beat(self) -> None:
        """One beat: sent if all is well, else it stays away and the log says why, once."""
        vitals = self._look()
        verdict, why = judge(vitals, round(self._settings.max_queue_age * 1000))
        if verdict is not self._last and Vital.NOT_LEADING not in (verdict, self._last):
            if verdict is Vital.WELL:
                log.info("the heartbeat is sent again")
            else:
                log.error("no heartbeat is sent", extra={"reason": verdict.value, "detail": why})
        self._last = verdict
        if verdict is not Vital.WELL:
            self._count(verdict.value)
            return
        if self._url is not None:
            self._note("url", await self._ask(self._url, vitals.now_ms))
        for endpoint in self._endpoints():
            if endpoint.destination.receiver != self._settings.receiver:
                continue
            delivery = beat(endpoint.destination.receiver, endpoint.destination.id, vitals.now_ms)
            self._note(endpoint.destination.label, await endpoint.channel.send(delivery))

    async def _ask(self, url: SecretSource, now_ms: int) -> Outcome:
        try:
            address = url.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))
        body = json.dumps({"status": "ok", "at": rfc3339(now_ms)}).encode()
        answer = await post(self._session, address, body, secrets=(address,))
        if not isinstance(answer, HttpResponse):
            return answer
        return sent() if 200 <= answer.status < 300 else refused(answer)

    def _note(self, to: str, outcome: Outcome) -> None:
        self._count(outcome.reason.value)
        if not outcome.ok:
            log.warning(
                "a heartbeat was not taken", extra={"to": to, "reason": outcome.reason.value, "detail": outcome.detail}
            )
