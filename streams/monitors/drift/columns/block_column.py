"""BlockColumn: one numeric column whose neighbouring events resemble each other, on means of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import BlockCUSUM, BlockReference, RankScores
from driftbell.streams.detectors.blocks import BlockState
from driftbell.streams.monitors.drift.shift_alarm import ShiftAlarm, inner_psi, numbers_back, window_for
from driftbell.streams.reference import Columns, Numbers

Ints = npt.NDArray[np.int64]


class BlockColumn:
    """See ``ColumnWatcher``; the only column stands at place 0."""

    def __init__(
        self, row: int, numeric: int, numbers: Numbers, blocks: BlockReference, events_per_false_alarm: float
    ) -> None:
        """Watch one column.

        Args:
            row: of the profiles.
            numeric: the column's place among all numeric columns.
            numbers: what was learned of it.
            blocks: how its blocks behave in the reference.
            events_per_false_alarm: of this column.
        """
        self.rows: Sequence[int] = [row]
        self._numeric = numeric
        self._numbers = numbers
        self._scores = RankScores(numbers.counts)
        self._detector = BlockCUSUM(blocks, events_per_false_alarm)

    def update(self, columns: Columns) -> None:
        """Ranks and widths in the order of the stream."""
        codes = columns.codes(self._numeric)
        self._detector.update(self._scores.rank[codes], self._scores.width[codes], columns.start_ms)

    def counts(self, at: int, columns: Columns) -> Ints:
        """Per bin."""
        counts: Ints = columns.bins[self._numeric]
        return counts

    def reference(self, at: int) -> Ints:
        """Per bin."""
        return self._numbers.counts.astype(np.int64)

    @property
    def drift_detected(self) -> bool:
        """Whether the last batch raised an alarm."""
        return self._detector.drift_detected

    def evidence(self, at: int) -> tuple[float, int]:
        """Of the stronger of the two series."""
        return self._detector.log_evidence, self._detector.change_point()[0]

    def alarm(self, at: int, columns: Columns) -> ShiftAlarm:
        """The stronger series says how far it moved."""
        start_ms, events = self._detector.change_point()
        reference = self._detector.reference
        shift = self._detector.shift()
        # Of one event, in independent events' worth: a block's mean has this over the root of its size.
        spread = max(reference.rank_sd, reference.width_sd) * math.sqrt(reference.events)
        return ShiftAlarm(BlockCUSUM.name, start_ms, events, shift, window_for(shift, spread), row=self.rows[0])

    def back(self, at: int, window: Ints, alarm: ShiftAlarm) -> bool:
        """By ranks, widths and PSI."""
        return numbers_back(window, alarm, self._numbers)

    def psi(self, at: int, counts: Ints) -> float:
        """Without the outer bins, which are empty in the reference."""
        return inner_psi(counts, self.reference(at))

    def reset(self, at: int) -> None:
        """Forget the evidence."""
        self._detector.reset()

    def state(self) -> BlockState:
        """The detector's."""
        return self._detector.state()

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        self._detector.restore(state)
