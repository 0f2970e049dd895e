"""RecentCounts: counts of the last events per column and bin, in two halves that take turns."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.streams.versioned import Array

#: Events of a half: what is shown as recent is over one to two times so many.
HALF = 1024


class RecentCountsState(msgspec.Struct, frozen=True, array_like=True):
    """Events in the running half, and the counts of it and the other, shape (columns, bins) each."""

    events: int
    running: Array
    previous: Array


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

    def state(self) -> RecentCountsState:
        """Everything needed to continue, copied."""
        running, previous = self._halves
        return RecentCountsState(self._events, running.copy(), previous.copy())

    def restore(self, state: RecentCountsState) -> None:
        """Continue from ``state``."""
        self._events = state.events
        self._halves = [np.array(half, np.uint32) for half in (state.running, state.previous)]
