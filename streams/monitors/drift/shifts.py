"""Shifts: which columns of a reference moved; raised by calibrated detectors, held until the column is back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import BlockCUSUM, CategoryESR, RankESR, RankScores, alarms, observed_shift
from driftbell.streams.monitors.drift.recent_counts import RecentCounts
from driftbell.streams.monitors.drift.shift_alarm import (
    RANK_SD,
    ShiftAlarm,
    inner_psi,
    mix_back,
    numbers_back,
    window_for,
)
from driftbell.streams.reference import Categories, Columns, Profiles
from driftbell.streams.stats import psi, psi_cutoff

Ints = npt.NDArray[np.int64]

#: What the displayed PSI stays below in this share of quiet windows is displayed as its threshold.
_SHOWN_LEVEL = 0.999
#: Events that are enough to show a distribution.
_SHOWABLE = 30


class Shifts:
    """Watches all columns of a set of profiles against it.

    Independent numeric columns go to one ``RankESR``, autocorrelated ones each to a ``BlockCUSUM``, categorical ones to
    one ``CategoryESR``. The budget is kept by all together: each column has an equal part of it.
    """

    def __init__(self, profiles: Profiles, events_per_false_alarm: float) -> None:
        self.profiles = profiles
        self._numbers = profiles.numbers
        self._mixes = profiles.mixes
        #: Rows of ``profiles`` to the place among numeric (categorical) columns.
        self._numeric = {row: at for at, row in enumerate(profiles.numeric)}
        self._categorical = {row: at for at, row in enumerate(profiles.categorical)}
        self._plain = [at for at, numbers in enumerate(self._numbers) if numbers.blocks is None]
        watched = len(self._numbers) + len(self._mixes)
        pooled = len(self._plain) + len(self._mixes)
        # What the rows of the e-detectors have together, so that each column has 1/watched of the whole.
        self._budget = events_per_false_alarm * watched / max(pooled, 1)
        self._rank = RankESR([RankScores(self._numbers[at].counts) for at in self._plain], self._budget)
        self._category = CategoryESR(
            [mix.pooled for mix in self._mixes], self._budget, [float(mix.uncertain) for mix in self._mixes]
        )
        self._blocks: dict[int, BlockCUSUM] = {}
        self._scores: dict[int, RankScores] = {}
        for at, numbers in enumerate(self._numbers):
            if numbers.blocks is not None:
                self._blocks[at] = BlockCUSUM(numbers.blocks, events_per_false_alarm * watched)
                self._scores[at] = RankScores(numbers.counts)
        bins = max((len(numbers.counts) for numbers in self._numbers), default=1)
        self._recent_numbers = RecentCounts(len(self._numbers), bins)
        self._recent_mixes = RecentCounts(len(self._mixes), Categories.DISTINGUISHED + 1)
        #: By row of ``profiles``, in the order in which they were raised.
        self.alarms: dict[int, ShiftAlarm] = {}

    def __len__(self) -> int:
        return len(self._numbers) + len(self._mixes)

    def update(self, columns: Columns) -> None:
        """Take a batch."""
        if not len(self):
            return
        start_ms = columns.start_ms
        bins = columns.bins
        self._recent_numbers.update(bins, columns.events)
        self._recent_mixes.update(columns.categories, columns.events)
        if self._plain:
            self._rank.update(bins if len(self._plain) == len(bins) else bins[self._plain], start_ms)
        for at, detector in self._blocks.items():
            codes = columns.codes(at)
            scores = self._scores[at]
            detector.update(scores.rank[codes], scores.width[codes], start_ms)
        if self._mixes:
            self._category.update(columns.categories, start_ms)
        if self.alarms:
            self._recover(columns)
        self._raise(columns)

    def _raise(self, columns: Columns) -> None:
        for index in self._passed():
            at = index - len(self._plain)
            row = self.profiles.numeric[self._plain[index]] if at < 0 else self.profiles.categorical[at]
            if row not in self.alarms:
                alarm = self._rank_alarm(index) if at < 0 else self._category_alarm(at, columns)
                self._start(row, alarm, columns)
        for at, detector in self._blocks.items():
            row = self.profiles.numeric[at]
            if detector.drift_detected and row not in self.alarms:
                self._start(row, self._block_alarm(detector), columns)

    def _passed(self) -> list[int]:
        """The rows of both e-detectors that alarm: rank's first, then category's."""
        if max(self._rank.evidence.ceiling, self._category.evidence.ceiling) < math.log(self._budget):
            return []
        evidence = np.concatenate([self._rank.log_evidence, self._category.log_evidence])
        return np.flatnonzero(alarms(evidence, self._budget)).tolist()

    def _start(self, row: int, alarm: ShiftAlarm, columns: Columns) -> None:
        self.alarms[row] = alarm
        if columns.events >= _SHOWABLE:
            # What came before the shift would dilute what is shown of it.
            if row in self._numeric:
                self._recent_numbers.restart(self._numeric[row], columns.bins[self._numeric[row]])
            else:
                self._recent_mixes.restart(self._categorical[row], columns.categories[self._categorical[row]])

    def _rank_alarm(self, index: int) -> ShiftAlarm:
        start_ms, events = self._rank.evidence.change_point(index)
        scores = RankScores(self._numbers[self._plain[index]].counts)
        evidence = self._rank.evidence
        shift = observed_shift(scores, evidence.best_bet(index), evidence.walk(index), events)
        return ShiftAlarm(RankESR.name, start_ms, events, shift, window_for(shift, RANK_SD))

    def _block_alarm(self, detector: BlockCUSUM) -> ShiftAlarm:
        start_ms, events = detector.change_point()
        reference = detector.reference
        shift = detector.shift()
        # Of one event, in independent events' worth: a block's mean has this over the root of its size.
        spread = max(reference.rank_sd, reference.width_sd) * math.sqrt(reference.events)
        return ShiftAlarm(BlockCUSUM.name, start_ms, events, shift, window_for(shift, spread))

    def _category_alarm(self, at: int, columns: Columns) -> ShiftAlarm:
        start_ms, events = self._category.evidence.change_point(at)
        pooled = self._mixes[at].pooled
        before = pooled / pooled.sum()
        category, supposed = self._category.moved(at)
        now = columns.categories[at, : len(pooled)]
        n = max(int(now.sum()), 1)
        seen = float(now[category]) / n
        # The bets are few; where the batch itself shows a larger move, less its own error, that is the shift.
        error = 2 * math.sqrt(max(seen * (1 - seen), 0.25 / n) / n)
        shift = max(abs(supposed - before[category]), abs(seen - before[category]) - error)
        spread = math.sqrt(max(before[category] * (1 - before[category]), shift * (1 - min(shift, 0.5)) / 4))
        return ShiftAlarm(CategoryESR.name, start_ms, events, float(shift), window_for(shift, spread), category)

    def _recover(self, columns: Columns) -> None:
        for row, alarm in list(self.alarms.items()):
            at = self._numeric.get(row)
            if at is not None:
                window = alarm.filled(columns.bins[at])
                if window is None or not numbers_back(window, alarm, self._numbers[at]):
                    continue
                if at in self._blocks:
                    self._blocks[at].reset()
                else:
                    self._rank.reset(self._plain.index(at))
            else:
                at = self._categorical[row]
                window = alarm.filled(columns.categories[at])
                if window is None or not mix_back(window, alarm, self._mixes[at]):
                    continue
                self._category.reset(at)
            del self.alarms[row]

    def recent(self, row: int) -> tuple[Ints, Ints]:
        """Recent events per bin (category) of a watched row of ``profiles``, and the reference's.

        Raises:
            KeyError: nobody watches that row.
        """
        at = self._numeric.get(row)
        if at is not None:
            reference = self._numbers[at].counts.astype(np.int64)
            return self._recent_numbers.get(at, len(reference)), reference
        at = self._categorical[row]
        reference = self._mixes[at].pooled
        return self._recent_mixes.get(at, len(reference)), reference

    def psi_of(self, row: int) -> float | None:
        """PSI of recent events of a watched row against the reference; None before any."""
        recent, reference = self.recent(row)
        if not recent.any():
            return None
        return psi(recent, reference) if row in self._categorical else inner_psi(recent, reference)

    def cutoff_of(self, row: int) -> float | None:
        """What ``psi_of`` stays below in 99.9 % of quiet windows."""
        recent, reference = self.recent(row)
        if not recent.any():
            return None
        return psi_cutoff(float(recent.sum()), float(reference.sum()), len(reference), _SHOWN_LEVEL)

    def evidence(self) -> list[tuple[int, float, int]]:
        """Per watched column: row of ``profiles``, log evidence that it moved, likely change point in epoch ms."""
        found = [
            (
                self.profiles.numeric[at],
                float(self._rank.log_evidence[index]),
                self._rank.evidence.change_point(index)[0],
            )
            for index, at in enumerate(self._plain)
        ]
        found += [
            (self.profiles.numeric[at], detector.log_evidence, detector.change_point()[0])
            for at, detector in self._blocks.items()
        ]
        found += [
            (row, float(self._category.log_evidence[at]), self._category.evidence.change_point(at)[0])
            for at, row in enumerate(self.profiles.categorical)
        ]
        return found

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return {
            "rank": self._rank.state(),
            "category": self._category.state(),
            "blocks": [detector.state() for detector in self._blocks.values()],
            "recent_numbers": self._recent_numbers.state(),
            "recent_mixes": self._recent_mixes.state(),
            "alarms": [{"row": row, **alarm.state()} for row, alarm in self.alarms.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._rank.restore(state["rank"])
        self._category.restore(state["category"])
        for detector, saved in zip(self._blocks.values(), state["blocks"], strict=True):
            detector.restore(saved)
        self._recent_numbers.restore(state["recent_numbers"])
        self._recent_mixes.restore(state["recent_mixes"])
        self.alarms = {
            entry["row"]: ShiftAlarm.restored({key: value for key, value in entry.items() if key != "row"})
            for entry in state["alarms"]
        }
