"""RankColumns: numeric columns whose events are independent, all in one RankESR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import RankESR, RankScores, observed_shift
from driftbell.streams.monitors.drift.columns.pooled_columns import PooledColumns
from driftbell.streams.monitors.drift.shift_alarm import RANK_SD, ShiftAlarm, inner_psi, numbers_back, window_for
from driftbell.streams.reference import Columns, Numbers, Profiles

Ints = npt.NDArray[np.int64]


class RankColumns(PooledColumns[RankESR]):
    """See ``ColumnWatcher``."""

    def __init__(self, profiles: Profiles, budget: float) -> None:
        """``budget``: events per false alarm of all pooled columns together."""
        plain = [at for at, numbers in enumerate(profiles.numbers) if numbers.blocks is None]
        self.rows: Sequence[int] = [profiles.numeric[at] for at in plain]
        self._numbers: list[Numbers] = [profiles.numbers[at] for at in plain]
        #: Their places among all numeric columns.
        self._numeric = plain
        self._every = len(plain) == len(profiles.numeric)
        self._detector = RankESR([RankScores(numbers.counts) for numbers in self._numbers], budget)

    def update(self, columns: Columns) -> None:
        """Counts per bin are all it needs."""
        if self.rows:
            bins = columns.bins
            self._detector.update(bins if self._every else bins[self._numeric], columns.start_ms)

    def counts(self, at: int, columns: Columns) -> Ints:
        """Per bin."""
        counts: Ints = columns.bins[self._numeric[at]]
        return counts

    def reference(self, at: int) -> Ints:
        """Per bin."""
        return self._numbers[at].counts.astype(np.int64)

    def alarm(self, at: int, columns: Columns) -> ShiftAlarm:
        """How far the mean rank or width moved follows from the bet that won."""
        evidence = self._detector.evidence
        start_ms, events = evidence.change_point(at)
        scores = RankScores(self._numbers[at].counts)
        shift = observed_shift(scores, evidence.best_bet(at), evidence.walk(at), events)
        return ShiftAlarm(RankESR.name, start_ms, events, shift, window_for(shift, RANK_SD), row=self.rows[at])

    def back(self, at: int, window: Ints, alarm: ShiftAlarm) -> bool:
        """By ranks, widths and PSI."""
        return numbers_back(window, alarm, self._numbers[at])

    def psi(self, at: int, counts: Ints) -> float:
        """Without the outer bins, which are empty in the reference."""
        return inner_psi(counts, self.reference(at))
