"""The column watcher port: what compares columns of one kind with the reference, behind the same few verbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from driftbell.streams.monitors.drift.shift_alarm import ShiftAlarm
from driftbell.streams.reference import Columns

Ints = npt.NDArray[np.int64]


class ColumnWatcher(Protocol):
    """Watches some columns; ``at`` is a column's place among ``rows``."""

    @property
    def rows(self) -> Sequence[int]:
        """The rows of the profiles that it watches."""

    def update(self, columns: Columns) -> None:
        """Take a batch."""

    def counts(self, at: int, columns: Columns) -> Ints:
        """The batch's events per bin (category) of one column."""

    def reference(self, at: int) -> Ints:
        """The reference's, shape as ``counts`` without its padding."""

    def evidence(self, at: int) -> tuple[float, int]:
        """Log evidence that the column moved, and the likely change point in epoch ms."""

    def alarm(self, at: int, columns: Columns) -> ShiftAlarm:
        """What is known of the change that ``columns`` completed."""

    def back(self, at: int, window: Ints, alarm: ShiftAlarm) -> bool:
        """Whether a window of events, counted as ``counts``, looks like the reference again."""

    def psi(self, at: int, counts: Ints) -> float:
        """PSI of counts of one column against its reference."""

    def reset(self, at: int) -> None:
        """Forget the evidence of one column."""


class PooledWatcher(ColumnWatcher, Protocol):
    """Many columns in one e-detector, which share their budget with those of other pooled watchers."""

    @property
    def ceiling(self) -> float:
        """No column's log evidence is larger."""

    @property
    def log_evidence(self) -> npt.NDArray[np.float64]:
        """Of each column, shape (rows,)."""
