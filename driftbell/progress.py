"""Progress on standard error: one line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: Seconds between two updates: a person reads five a second, a log file wants far fewer.
TERMINAL_INTERVAL = 0.2
LOG_INTERVAL = 5.0


class Progress:
    """How far a long command is. ``count`` may be called for every event: most calls only add."""

    def __init__(self, unit: str, *, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._unit = unit
        self._stream = stream if stream is not None else sys.stderr
        self._now = now
        self._terminal = self._stream.isatty()
        self._interval = TERMINAL_INTERVAL if self._terminal else LOG_INTERVAL
        self._started = now()
        self._next = self._started + self._interval
        self.done = 0

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._now() - self._started

    @property
    def rate(self) -> float:
        """Units a second since the start."""
        return self.done / max(self.seconds, 1e-9)

    def count(self, more: int, fraction: Callable[[], float | None]) -> None:
        """Add to what is done; ``fraction`` says how much of the whole that is, None when nobody knows."""
        self.done += more
        if self._now() >= self._next:
            self._next = self._now() + self._interval
            self._write(fraction())

    def close(self) -> None:
        """Take the line away, so that what follows starts on a clean one."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _write(self, fraction: float | None) -> None:
        text = f"{self.done:,} {self._unit}, {self.rate:,.0f}/s"
        if fraction:
            left = self.seconds * (1 - fraction) / fraction
            text = f"{fraction:4.0%}  {text}, {left:,.0f} s left"
        self._stream.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()
