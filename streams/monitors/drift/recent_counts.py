"""RecentCounts: counts of the last events per column and bin, in two halves that take turns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Events of a half: what is shown as recent is over one to two times so many.
HALF = 1024


class RecentCounts:
    """Counts per (column, bin) over the last 1,024 to 2,048 events."""

    def __init__(self, columns: int, bins: int) -> None:
        self._halves: list[npt.NDArray[np.uint32]] = [np.zeros((columns, bins), np.uint32) for _ in range(2)]
        self._events = 0

    def update(self, counts: npt.NDArray[Any], events: int) -> None:
        """Add a batch of ``events`` events, counted per column and bin."""
        if self._events >= HALF:
            self._halves.reverse()
            self._halves[0][:] = 0
            self._events = 0
        self._halves[0] += counts.astype(np.uint32)
        self._events += events

    def restart(self, column: int, counts: npt.NDArray[Any]) -> None:
        """Forget what came before the last batch in one column: ``counts`` per bin is all that is recent."""
        self._halves[0][column] = counts
        self._halves[1][column] = 0

    def get(self, column: int, bins: int) -> npt.NDArray[np.int64]:
        """The counts of one column, shape (bins,)."""
        return self._halves[0][column, :bins].astype(np.int64) + self._halves[1][column, :bins]

    def state(self) -> list[Any]:
        """Plain data."""
        return [self._events, *(half.copy() for half in self._halves)]

    def restore(self, state: list[Any]) -> None:
        """Continue from ``state``."""
        self._events = state[0]
        self._halves = [np.array(half, np.uint32) for half in state[1:]]
