"""Turns: the event loop is shared by all partitions of a worker, so they compute one after another, in short slices.

Without turns the loop would come round only after as many slices as there are busy partitions, and heartbeats, rebalance
callbacks and health checks would wait for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from driftbell.streams.engine.clock import Clock

#: Length of a slice.
SLICE_SECONDS = 0.02

#: Pause between two looks.
LOOK_SECONDS = 0.05


class Turn:
    """Whoever computes does so inside ``async with turn:``, awaiting nothing. The loop comes round between two turns."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *_exc: object) -> None:
        try:
            # While the turn is still ours: a lock that is free again at once would stop nobody in this round of the loop.
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
    """Look for ever: a sleeper that wakes late was kept from running for that long.

    It waits for nothing else, so that no block goes by while it is busy.
    """
    while True:
        slept_at = clock.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        observe(max(0.0, clock.monotonic() - slept_at - LOOK_SECONDS))
