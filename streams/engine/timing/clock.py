"""The two clocks: wall time says how far the inputs are complete, monotonic time measures waits."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the shell needs to know of time."""

    def wall_ms(self) -> int:
        """Epoch milliseconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps."""


class SystemClock:
    """The machine's clocks."""

    def wall_ms(self) -> int:
        """See ``Clock.wall_ms``."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return time.monotonic()
