"""The sender: one per destination, so that a sick channel delays no other."""

from __future__ import annotations

import asyncio
import logging
import time

from driftbell.alerting.channels.channel import Channel, Rate, close
from driftbell.alerting.errors import StoreUnavailableError, where_raised
from driftbell.alerting.outbox.backoff import pause_ms
from driftbell.alerting.outbox.breaker import Breaker
from driftbell.alerting.outbox.delivery import ClaimedDelivery, Delivery
from driftbell.alerting.outbox.delivery_queue import Settlement
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed
from driftbell.alerting.outbox.token_bucket import TokenBucket
from driftbell.alerting.process.router import Router
from driftbell.alerting.state.records import DeliveryQueue, Kind, Severity
from driftbell.alerting.times import to_ms

log = logging.getLogger(__name__)

#: Seconds between two tries to write a result down. The delivery is done; what must not happen is that it is forgotten.
_STORE_PAUSE_SECONDS = 0.5


class RateLimits:
    """The rate limits of all destinations; destinations of one vendor account share theirs."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        self._paused_until_ms: dict[str, int] = {}

    def wait_ms(self, destination: str, rate: Rate | None, now_ms: int) -> int:
        """Milliseconds until something may be sent; 0 when now."""
        pause_ms = self._paused_until_ms.get(_account(destination, rate), 0) - now_ms
        return max(0, pause_ms, 0 if rate is None else self._bucket(rate).wait_ms(now_ms))

    def take(self, rate: Rate | None, now_ms: int) -> None:
        """Count one message."""
        if rate is not None:
            self._bucket(rate).take(now_ms)

    def give_back(self, rate: Rate | None) -> None:
        """Count one message less."""
        if rate is not None:
            self._bucket(rate).give_back()

    def pause(self, destination: str, rate: Rate | None, until_ms: int) -> None:
        """The vendor asked for silence: of all that share an account there, or of a destination without a rate of its own."""
        account = _account(destination, rate)
        self._paused_until_ms[account] = max(until_ms, self._paused_until_ms.get(account, 0))

    def _bucket(self, rate: Rate) -> TokenBucket:
        bucket = self._buckets.get(rate.key)
        if bucket is None:
            bucket = self._buckets[rate.key] = TokenBucket(rate.per_second, rate.burst)
        return bucket


def _account(destination: str, rate: Rate | None) -> str:
    return destination if rate is None else rate.key


class Sender:
    """Makes the deliveries of one destination, most urgent first, as many at once as its channel allows.

    Of one incident one is on its way at a time: a queue whose first delivery is being sent is not due.
    """

    def __init__(self, router: Router, destination: Destination, channel: Channel, limits: RateLimits) -> None:
        self.destination = destination.id
        self._router = router
        self.channel = channel
        self._limits = limits
        self._integration = destination.integration
        self._breaker = Breaker()
        #: How many run.
        self.running = 0
        #: The channels by which something is on its way.
        self._busy: list[Channel] = []
        self._idle = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many may run at once."""
        return self.channel.in_flight

    @property
    def _is_needed(self) -> bool:
        # Those that finish something by a channel of before do not count: the new one is not to wait for them.
        return self.running - sum(one is not self.channel for one in self._busy) <= self.in_flight

    async def change(self, channel: Channel) -> None:
        """Send by another channel from now on; the one of before is closed when nothing is on its way by it."""
        before, self.channel = self.channel, channel
        self._router.wake[self.destination].set()
        await self._close(before)

    async def let_go(self) -> None:
        """Close the channel when nothing is on its way by it: the destination is gone."""
        await self._close(self.channel)

    async def _close(self, channel: Channel) -> None:
        while any(one is channel for one in self._busy):
            self._idle.clear()
            await self._idle.wait()
        await close(channel, self._router.label(self.destination))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; run it ``in_flight`` times, and count them in ``running``.

        A delivery that has begun is finished and noted first.

        Raises:
            FencedError: another router owns the state.
        """
        wake = self._router.wake[self.destination]
        while not stop.is_set() and self._is_needed:
            wake.clear()
            try:
                wait_ms = await self.step()
            except StoreUnavailableError as error:
                log.warning("store unavailable, nothing is sent", extra={"error": str(error)})
                wait_ms = round(_STORE_PAUSE_SECONDS * 1000)
            if wait_ms != 0:
                await _first(wake, stop, None if wait_ms is None else wait_ms / 1000)
        self.running -= 1

    async def step(self) -> int | None:
        """Make one delivery, if one is due and the vendor's limit allows it.

        Returns:
            Milliseconds until there may be something to do: 0 for at once, None for nothing until woken.
        """
        now_ms = self._router.clock()
        due = self._router.state.next_due(self.destination, now_ms)
        if due is None:
            due_ms = self._router.state.next_attempt_ms(self.destination)
            return None if due_ms is None else max(1, due_ms - now_ms)
        waits = self._breaker.wait_ms(now_ms, fresh=_is_fresh(due))
        channel = self.channel
        wait_ms = self._limits.wait_ms(self.destination, channel.rate, now_ms)
        if waits is None or max(waits, wait_ms) > 0:
            return None if waits is None else max(waits, wait_ms)
        # Counted before anything is waited for: another of us asks meanwhile.
        self._limits.take(channel.rate, now_ms)
        self._breaker.begin()
        self._busy.append(channel)
        outcome: Outcome | None = None
        try:
            claimed = await self._router.take(self.destination)
            if claimed is not None:
                outcome = await self._make(claimed, channel)
        finally:
            self._busy.remove(channel)
            self._idle.set()
            if outcome is None:
                self._limits.give_back(channel.rate)
            await self._judge(outcome)
        return 0

    async def _make(self, claimed: ClaimedDelivery, channel: Channel) -> Outcome:
        if self._router.state.next_due(self.destination, self._router.clock()) is not None:
            # For the others of us: the first to wake took this one.
            self._router.wake[self.destination].set()
        outcome = await self._attempt(claimed, channel)
        settlement = await self._settle(claimed, outcome, channel)
        self._report(claimed, outcome, settlement, channel)
        return outcome

    async def _judge(self, outcome: Outcome | None) -> None:
        """Note what an attempt says of the destination."""
        was_open = self._breaker.is_open
        recovered = self._breaker.end(outcome, self._router.clock())
        if self._breaker.is_open != was_open:
            fields = {"destination": self._router.label(self.destination), "failures": self._breaker.failures}
            if was_open:
                log.info("destination answers again", extra=fields)
                self._router.dead.discard(self.destination)
            else:
                log.warning("destination counts as dead: it is asked by one message at a time", extra=fields)
                self._router.dead.add(self.destination)
        if was_open:
            # The others of us waited for this one.
            self._router.wake[self.destination].set()
        if recovered:
            await self._router.hasten(self.destination)

    async def _confirm(self, claimed: ClaimedDelivery) -> None:
        while True:
            try:
                return await self._router.confirm(claimed)
            except StoreUnavailableError as error:
                log.warning("store unavailable, nothing is sent", extra={"error": str(error)})
                await asyncio.sleep(_STORE_PAUSE_SECONDS)

    async def _attempt(self, claimed: ClaimedDelivery, channel: Channel) -> Outcome:
        await self._confirm(claimed)
        started = time.perf_counter()
        try:
            outcome = await channel.send(claimed.delivery)
        except Exception as error:  # A channel must not raise; if it does, its message is not lost with it.
            # Without the error's own text, which may repeat an address with its secret.
            log.error(
                "channel raised",
                extra={"destination": self._router.label(self.destination), "error": where_raised(error)},
            )
            outcome = failed(OutcomeReason.CHANNEL_BUG, type(error).__name__)
        self._router.metrics.attempts.labels(self._integration).inc()
        self._router.metrics.attempt_seconds.labels(self._integration).observe(time.perf_counter() - started)
        return outcome

    async def _settle(self, claimed: ClaimedDelivery, outcome: Outcome, channel: Channel) -> Settlement:
        while True:
            try:
                return await self._router.settle(claimed, outcome, repeatable=channel.repeatable)
            except StoreUnavailableError as error:
                log.warning("store unavailable, result not noted yet", extra={"error": str(error)})
                await asyncio.sleep(_STORE_PAUSE_SECONDS)

    def _report(self, claimed: ClaimedDelivery, outcome: Outcome, settlement: Settlement, channel: Channel) -> None:
        metrics, now_ms = self._router.metrics, self._router.clock()
        delivery = claimed.delivery
        fields = {
            "destination": self._router.label(self.destination),
            "delivery": delivery.id,
            "kind": delivery.kind.value,
            "group": delivery.notification.group_key,
            "attempt": claimed.attempt,
            "outcome": outcome.reason.value,
            "settled": settlement.reason.value,
        }
        if outcome.ok:
            metrics.notifications.labels(self._integration, delivery.kind.value).inc()
            if outcome.reason is OutcomeReason.SENT_MINIMAL:
                metrics.minimal.labels(self._integration).inc()
            waited = _time_to_first_notify_ms(delivery, now_ms)
            if waited is not None:
                metrics.first_notify.labels(self._integration).observe(waited / 1000)
            log.info("delivered", extra=fields)
            return
        metrics.failed.labels(self._integration, outcome.reason.value).inc()
        if settlement.dead_delivery is not None:
            metrics.dead_letters.labels(self._integration, settlement.reason.value).inc()
        if outcome.reason is OutcomeReason.RATE_LIMITED or outcome.retry_after_seconds is not None:
            # Also when this message is given up, or another takes its place: the vendor spoke of all messages.
            wait_ms = pause_ms(claimed.attempt, outcome.retry_after_seconds)
            self._limits.pause(self.destination, channel.rate, now_ms + wait_ms)
        log.warning("delivery failed", extra={**fields, "detail": outcome.detail})


async def _first(wake: asyncio.Event, stop: asyncio.Event, timeout_seconds: float | None) -> None:
    """Wait until woken, stopped, or the time is over."""
    waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()


def _is_fresh(queue: DeliveryQueue) -> bool:
    row = queue.rows[0]
    return row.attempts == 0 and row.notification.severity.rank <= Severity.ERROR.rank


def _time_to_first_notify_ms(delivery: Delivery, now_ms: int) -> int | None:
    """From the start of the oldest alert to now, for the message that opens an incident."""
    alerts = delivery.notification.alerts
    if delivery.kind is not Kind.TRIGGER or not alerts:
        return None
    return max(0, now_ms - min(to_ms(alert.startsAt) for alert in alerts))
