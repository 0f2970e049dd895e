"""Loop lag: how long the event loop could not run because something kept it from going round."""

from __future__ import annotations

import asyncio

from streams.clock import Clock
from streams.engine_counts import EngineCounts

#: Pause between two looks.
LOOK_SECONDS = 0.05


async def measure_loop_lag(counts: EngineCounts, clock: Clock) -> None:
    """Look for ever: a sleeper that wakes late was kept from running for that long.

    It waits for nothing else, so that no block goes by while it is busy.
    """
    while True:
        slept_at = clock.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        blocked = max(0.0, clock.monotonic() - slept_at - LOOK_SECONDS)
        counts.loop_blocked_seconds_max = max(counts.loop_blocked_seconds_max, blocked)
        counts.loop_blocked.observe(blocked)
