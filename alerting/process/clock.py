"""The router's clock: wall time that never runs backwards and does not jump when somebody sets the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

#: A wall clock this far ahead of the count means that the machine slept; timers then are overdue and must know it.
_JUMP_MS = 1_000


class ForwardClock:
    """Epoch milliseconds. Counts on the monotonic clock from a reading of the wall clock; follows it forward only.

    Args:
        wall: seconds since the epoch.
        monotonic: seconds, never backwards.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._anchor_ms = wall() * 1000 - monotonic() * 1000

    def __call__(self) -> int:
        """Now."""
        count_ms = self._monotonic() * 1000
        ahead_ms = self._wall() * 1000 - (self._anchor_ms + count_ms)
        if ahead_ms > _JUMP_MS:
            self._anchor_ms += ahead_ms
        return int(self._anchor_ms + count_ms)
