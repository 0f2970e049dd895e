"""Time slices: the event loop is shared by all partitions of a worker, so they compute one after another, in short slices.

Without the lock the loop would reach heartbeats, rebalance callbacks and health checks only after as many slices as there are
busy partitions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.pace import Pace

#: Length of a slice.
SLICE_SECONDS = 0.02

#: Pause between two samples of the loop's lag.
LAG_SAMPLE_SECONDS = 0.05


class TimeSlice:
    """Whoever computes does so inside ``async with time_slice:``, awaiting nothing. Between two, the loop serves the rest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: How often whoever computes here takes checkpoints.
        self.pace = Pace(clock)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *_exc: object) -> None:
        try:
            # While the slice is still ours: a lock that is free again at once would stop nobody in this iteration of the loop.
            await asyncio.sleep(0)
        finally:
            self._lock.release()

    async def exhaust(self, steps: Iterator[None]) -> float:
        """Iterate over ``steps``, which do their work meanwhile, in slices; returns the seconds that they took."""
        spent = 0.0
        over = False
        while not over:
            async with self:
                started = self._clock.monotonic()
                over = self._go_on(steps, started + SLICE_SECONDS)
                spent += self._clock.monotonic() - started
        return spent

    def _go_on(self, steps: Iterator[None], until: float) -> bool:
        """Go on until the time is over; whether ``steps`` is exhausted."""
        return all(self._clock.monotonic() < until for _ in steps)


async def measure_loop_lag(observe: Callable[[float], None], clock: Clock) -> None:
    """Measure for ever: a sleeper that wakes late was kept from running for that long.

    It waits for nothing else, so that no block goes by while it is busy.
    """
    while True:
        slept_at = clock.monotonic()
        await asyncio.sleep(LAG_SAMPLE_SECONDS)
        observe(max(0.0, clock.monotonic() - slept_at - LAG_SAMPLE_SECONDS))
