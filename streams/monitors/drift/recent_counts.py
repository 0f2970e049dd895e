"""RecentCounts: counts of the last events per column and bin, in two halves that take turns."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.streams.versioned import Array

#: Events of a half: what is shown as recent is over one to two times so many.
HALF = 1024


#: The same of the short window, which holds batches of fewer events than ``ENOUGH``.
SHORT_HALF = 32
#: Events that are enough to show a distribution.
ENOUGH = 30


class RecentCountsState(msgspec.Struct, frozen=True, array_like=True):
    """Events in the running half, and the counts of it and the other, shape (columns, bins) each; then the short window's."""

    events: int
    running: Array
    previous: Array
    #: None where batches are large, and in states of before there was a short window.
    short_events: int = 0
    short_running: Array | None = None
    short_previous: Array | None = None


class RecentCounts:
    """Counts per (column, bin) over the last 1,024 to 2,048 events, and where batches are small over the last 32 to 64."""

    def __init__(self, columns: int, bins: int) -> None:
        self._halves: list[npt.NDArray[np.uint32]] = [np.zeros((columns, bins), np.uint32) for _ in range(2)]
        # A half holds fewer than SHORT_HALF + ENOUGH events.
        self._short: list[npt.NDArray[np.uint8]] = [np.zeros((columns, bins), np.uint8) for _ in range(2)]
        self._events = self._short_events = 0

    def update(self, counts: npt.NDArray[Any], events: int) -> None:
        """Add a batch of ``events`` events, counted per column and bin."""
        if self._events >= HALF:
            self._halves.reverse()
            self._halves[0][:] = 0
            self._events = 0
        self._halves[0] += counts.astype(np.uint32)
        self._events += events
        if events >= ENOUGH:
            if self._short_events:
                self._short[0][:] = self._short[1][:] = 0
                self._short_events = 0
            return
        if self._short_events >= SHORT_HALF:
            self._short.reverse()
            self._short[0][:] = 0
            self._short_events = 0
        self._short[0] += counts.astype(np.uint8)
        self._short_events += events

    def restart(self, column: int, counts: npt.NDArray[Any], events: int) -> None:
        """Forget of one column what came before its last ``events`` events, as well as that can be told.

        Args:
            counts: Of the last batch, per bin.
        """
        running, previous = (half[column] for half in self._short)
        seen, before = int(running.sum()), int(previous.sum())
        if not seen:
            running, previous = counts, 0
        elif seen >= ENOUGH or (seen >= ENOUGH / 3 and seen + before > events):
            previous = 0
        self._halves[0][column] = running
        self._halves[1][column] = previous

    def get(self, column: int, bins: int) -> npt.NDArray[np.int64]:
        """The counts of one column, shape (bins,)."""
        return self._halves[0][column, :bins].astype(np.int64) + self._halves[1][column, :bins]

    def state(self) -> RecentCountsState:
        """Everything needed to continue, copied."""
        running, previous = self._halves
        if not self._short_events:
            return RecentCountsState(self._events, running.copy(), previous.copy())
        short = [half.copy() for half in self._short]
        return RecentCountsState(self._events, running.copy(), previous.copy(), self._short_events, *short)

    def restore(self, state: RecentCountsState) -> None:
        """Continue from ``state``."""
        self._events, self._short_events = state.events, state.short_events
        self._halves = [np.array(half, np.uint32) for half in (state.running, state.previous)]
        if state.short_running is not None and state.short_previous is not None:
            self._short = [np.array(half, np.uint8) for half in (state.short_running, state.short_previous)]
