"""Turns: the event loop is shared by all partitions of a worker, so they compute one after another, in short slices.

Without turns the loop would come round only after as many slices as there are busy partitions, and heartbeats, rebalance
callbacks and health checks would wait for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from streams.clock import Clock

#: Length of a slice.
SLICE_SECONDS = 0.02


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


__all__ = ["SLICE_SECONDS", "Turn"]
