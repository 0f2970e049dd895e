"""MixColumns: categorical columns, all in one CategoryESR."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import CategoryESR
from driftbell.streams.monitors.drift.columns.pooled_columns import PooledColumns
from driftbell.streams.monitors.drift.shift_alarm import ShiftAlarm, mix_back, window_for
from driftbell.streams.reference import Categories, Columns, Profiles
from driftbell.streams.stats import psi

Ints = npt.NDArray[np.int64]


class MixColumns(PooledColumns[CategoryESR]):
    """See ``ColumnWatcher``."""

    def __init__(self, profiles: Profiles, budget: float) -> None:
        """``budget``: events per false alarm of all pooled columns together."""
        self.rows: Sequence[int] = profiles.categorical
        self._mixes: list[Categories] = profiles.mixes
        self._detector = CategoryESR(
            [mix.pooled for mix in self._mixes], budget, [float(mix.uncertain) for mix in self._mixes]
        )

    def update(self, columns: Columns) -> None:
        """Counts per category are all it needs."""
        if self.rows:
            self._detector.update(columns.categories, columns.start_ms)

    def counts(self, at: int, columns: Columns) -> Ints:
        """Per category."""
        counts: Ints = columns.categories[at]
        return counts

    def reference(self, at: int) -> Ints:
        """Per category."""
        return self._mixes[at].pooled

    def alarm(self, at: int, columns: Columns) -> ShiftAlarm:
        """The category of the bet that won, and how far its share moved at least."""
        start_ms, events = self._detector.evidence.change_point(at)
        pooled = self._mixes[at].pooled
        before = pooled / pooled.sum()
        category, supposed = self._detector.moved(at)
        now = columns.categories[at, : len(pooled)]
        n = max(int(now.sum()), 1)
        seen = float(now[category]) / n
        # The bets are few; where the batch itself shows a larger move, less its own error, that is the shift.
        error = 2 * math.sqrt(max(seen * (1 - seen), 0.25 / n) / n)
        shift = float(max(abs(supposed - before[category]), abs(seen - before[category]) - error))
        spread = math.sqrt(max(before[category] * (1 - before[category]), shift * (1 - min(shift, 0.5)) / 4))
        needed = window_for(shift, spread)
        return ShiftAlarm(CategoryESR.name, start_ms, events, shift, needed, category, row=self.rows[at])

    def back(self, at: int, window: Ints, alarm: ShiftAlarm) -> bool:
        """By the category that moved most, and PSI."""
        return mix_back(window, alarm, self._mixes[at])

    def psi(self, at: int, counts: Ints) -> float:
        """Over the distinguished categories and the others together."""
        return psi(counts, self.reference(at))
