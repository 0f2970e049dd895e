"""AgreedClock: a wall clock that no single machine decides.

Stream time of an idle input follows the clock. A worker whose clock was an hour ahead for three seconds used to move it an
hour ahead, and for that hour there was no tick, no checkpoint and no alert. Three clocks are at hand: the worker's own, the
store's, and the brokers', of which every ``LogAppendTime`` is a reading that can only be old. The middle one is taken:
whichever is wrong, ahead or behind, the other two hold it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.errors import StoreUnavailableError

log = logging.getLogger(__name__)

#: The own clock may differ from the agreed time by so much before it is logged.
TOLERATED_MS = 2000

#: ... and is then logged no more often than this.
REPORT_SECONDS = 60.0

#: How often the store is asked for its time, and how quickly it must answer to count.
STORE_TIME_SECONDS, STORE_TIME_WITHIN_SECONDS = 5.0, 1.0


class AgreedClock:
    """The middle of up to three clocks; each foreign reading is carried on by the monotonic clock.

    Without the store's reading (``memory://``) the own clock decides alone. With it, and before any append time, the earlier
    of the two: a time that is too early only waits, one that is too late cannot be taken back.
    """

    def __init__(self, own: Clock) -> None:
        self._own = own
        self._store: tuple[int, float] | None = None
        self._brokers: tuple[int, float] | None = None
        self._reported_at = float("-inf")
        #: Own clock minus agreed time, at the last reading.
        self.offset_ms = 0

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self._own.monotonic()

    def store_said(self, epoch_ms: int) -> None:
        """The store's clock, read just now."""
        self._store = (epoch_ms, self.monotonic())

    def broker_appended(self, epoch_ms: int) -> None:
        """A broker has stamped a record with this append time, so its clock has been there."""
        now = self.monotonic()
        if self._brokers is None or epoch_ms > self._carried(self._brokers, now):
            self._brokers = (epoch_ms, now)

    def wall_ms(self) -> int:
        """See ``Clock.wall_ms``: the agreed time."""
        now, own = self.monotonic(), self._own.wall_ms()
        agreed = own
        if self._store is not None:
            store = self._carried(self._store, now)
            agreed = min(own, store)
            if self._brokers is not None:
                agreed = sorted((own, store, self._carried(self._brokers, now)))[1]
        self.offset_ms = own - agreed
        if abs(self.offset_ms) > TOLERATED_MS and now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            log.error(
                "this machine's clock is %.1f s %s what Redis and the brokers say; theirs is used. Is NTP running here?",
                abs(self.offset_ms) / 1000,
                "ahead of" if self.offset_ms > 0 else "behind",
            )
        return agreed

    @staticmethod
    def _carried(reading: tuple[int, float], now: float) -> int:
        epoch_ms, read_at = reading
        return epoch_ms + round((now - read_at) * 1000)


async def ask_for_the_time(clock: AgreedClock, store_time: Callable[[], Awaitable[int | None]]) -> None:
    """Tell the clock for ever what time the store has."""
    while True:
        with suppress(StoreUnavailableError):
            asked_at = clock.monotonic()
            epoch_ms = await store_time()
            # An answer that was long on its way says little about now.
            if epoch_ms is not None and clock.monotonic() - asked_at < STORE_TIME_WITHIN_SECONDS:
                clock.store_said(epoch_ms)
        await asyncio.sleep(STORE_TIME_SECONDS)
