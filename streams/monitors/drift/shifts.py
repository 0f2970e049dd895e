"""Shifts: which columns of a reference moved; raised by calibrated detectors, held until the column is back."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import alarms
from driftbell.streams.detectors.blocks import BlockState
from driftbell.streams.detectors.shiryaev_roberts import EvidenceState
from driftbell.streams.monitors.drift.columns.block_column import BlockColumn
from driftbell.streams.monitors.drift.columns.column_watcher import ColumnWatcher, PooledWatcher
from driftbell.streams.monitors.drift.columns.mix_columns import MixColumns
from driftbell.streams.monitors.drift.columns.rank_columns import RankColumns
from driftbell.streams.monitors.drift.recent_counts import RecentCounts, RecentCountsState
from driftbell.streams.monitors.drift.shift_alarm import ShiftAlarm
from driftbell.streams.reference import Categories, Columns, Profiles
from driftbell.streams.stats import psi_cutoff
from driftbell.streams.versioned import Versioned

Ints = npt.NDArray[np.int64]

#: What the displayed PSI stays below in this share of quiet windows is displayed as its threshold.
_SHOWN_LEVEL = 0.999


class ShiftsState(Versioned, frozen=True):
    """The evidence of each watcher, the recent events, and the alarms as they were raised."""

    rank: EvidenceState
    category: EvidenceState
    blocks: list[BlockState]
    recent_numbers: RecentCountsState
    recent_mixes: RecentCountsState
    alarms: list[ShiftAlarm]


class Shifts:
    """Watches all columns of a set of profiles against it.

    Independent numeric columns go to one ``RankColumns``, autocorrelated ones each to a ``BlockColumn``, categorical ones
    to one ``MixColumns``. The budget is kept by all together: each column has an equal part of it.
    """

    def __init__(self, profiles: Profiles, events_per_false_alarm: float) -> None:
        self.profiles = profiles
        numbers, numeric = profiles.numbers, profiles.numeric
        watched = len(numbers) + len(profiles.mixes)
        pooled = sum(learned.blocks is None for learned in numbers) + len(profiles.mixes)
        # What the rows of the pooled watchers have together, so that each column has 1/watched of the whole.
        self._budget = events_per_false_alarm * watched / max(pooled, 1)
        self._rank = RankColumns(profiles, self._budget)
        self._mixes = MixColumns(profiles, self._budget)
        self._pooled: tuple[PooledWatcher, ...] = (self._rank, self._mixes)
        self._blocks = [
            BlockColumn(numeric[at], at, learned, learned.blocks, events_per_false_alarm * watched)
            for at, learned in enumerate(numbers)
            if learned.blocks is not None
        ]
        self._watchers: tuple[ColumnWatcher, ...] = (self._rank, *self._blocks, self._mixes)
        #: Who watches a row of ``profiles``, and as which of its columns.
        self._watcher: dict[int, tuple[ColumnWatcher, int]] = {
            row: (watcher, at) for watcher in self._watchers for at, row in enumerate(watcher.rows)
        }
        bins = max((len(learned.counts) for learned in numbers), default=1)
        self._recent_numbers = RecentCounts(len(numbers), bins)
        self._recent_mixes = RecentCounts(len(profiles.mixes), Categories.DISTINGUISHED + 1)
        #: Where the recent events of a row of ``profiles`` are counted.
        self._recent: dict[int, tuple[RecentCounts, int]] = {
            **{row: (self._recent_numbers, at) for at, row in enumerate(numeric)},
            **{row: (self._recent_mixes, at) for at, row in enumerate(profiles.categorical)},
        }
        #: By row of ``profiles``, in the order in which they were raised.
        self.alarms: dict[int, ShiftAlarm] = {}

    def __len__(self) -> int:
        return len(self._watcher)

    def update(self, columns: Columns) -> None:
        """Take a batch."""
        if not len(self):
            return
        self._recent_numbers.update(columns.bins, columns.events)
        self._recent_mixes.update(columns.categories, columns.events)
        for watcher in self._watchers:
            watcher.update(columns)
        if self.alarms:
            self._recover(columns)
        for watcher, at in self._passed():
            row = watcher.rows[at]
            if row not in self.alarms:
                self._start(row, watcher.alarm(at, columns), watcher.counts(at, columns))

    def _passed(self) -> Iterator[tuple[ColumnWatcher, int]]:
        """The columns that alarm, by watcher and place: the pooled ones first, which decide together."""
        if max(watcher.ceiling for watcher in self._pooled) >= math.log(self._budget):
            places = [(watcher, at) for watcher in self._pooled for at in range(len(watcher.rows))]
            passed = alarms(np.concatenate([watcher.log_evidence for watcher in self._pooled]), self._budget)
            yield from (places[index] for index in np.flatnonzero(passed).tolist())
        yield from ((block, 0) for block in self._blocks if block.drift_detected)

    def _start(self, row: int, alarm: ShiftAlarm, counts: Ints) -> None:
        self.alarms[row] = alarm
        # What came before the shift would dilute what is shown of it.
        recent, at = self._recent[row]
        recent.restart(at, counts, alarm.events)

    def _recover(self, columns: Columns) -> None:
        for row, alarm in list(self.alarms.items()):
            watcher, at = self._watcher[row]
            window = alarm.filled(watcher.counts(at, columns))
            if window is not None and watcher.back(at, window, alarm):
                watcher.reset(at)
                del self.alarms[row]

    def recent(self, row: int) -> tuple[Ints, Ints]:
        """Recent events per bin (category) of a watched row of ``profiles``, and the reference's.

        Raises:
            KeyError: nobody watches that row.
        """
        watcher, at = self._watcher[row]
        recent, place = self._recent[row]
        reference = watcher.reference(at)
        return recent.get(place, len(reference)), reference

    def psi_of(self, row: int) -> float | None:
        """PSI of recent events of a watched row against the reference; None before any."""
        recent, _ = self.recent(row)
        if not recent.any():
            return None
        watcher, at = self._watcher[row]
        return watcher.psi(at, recent)

    def cutoff_of(self, row: int) -> float | None:
        """What ``psi_of`` stays below in 99.9 % of quiet windows."""
        recent, reference = self.recent(row)
        if not recent.any():
            return None
        return psi_cutoff(float(recent.sum()), float(reference.sum()), len(reference), _SHOWN_LEVEL)

    def evidence_of(self, row: int) -> tuple[float, int]:
        """Log evidence that a watched row of ``profiles`` moved, and the likely change point in epoch ms."""
        watcher, at = self._watcher[row]
        return watcher.evidence(at)

    def evidence(self, least: float) -> Iterator[tuple[int, float, int]]:
        """Per watched column with at least so much evidence: row of ``profiles``, and as ``evidence_of``."""
        for pooled in self._pooled:
            if pooled.ceiling < least:
                continue
            for at, log_evidence in enumerate(pooled.log_evidence.tolist()):
                if log_evidence >= least:
                    yield pooled.rows[at], log_evidence, pooled.evidence(at)[1]
        for block in self._blocks:
            log_evidence, start_ms = block.evidence(0)
            if log_evidence >= least:
                yield block.rows[0], log_evidence, start_ms

    def state(self) -> ShiftsState:
        """Everything needed to continue, copied."""
        return ShiftsState(
            rank=self._rank.state(),
            category=self._mixes.state(),
            blocks=[block.state() for block in self._blocks],
            recent_numbers=self._recent_numbers.state(),
            recent_mixes=self._recent_mixes.state(),
            alarms=[copy.copy(alarm) for alarm in self.alarms.values()],
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = ShiftsState.read(state)
        self._rank.restore(saved.rank)
        self._mixes.restore(saved.category)
        for block, kept in zip(self._blocks, saved.blocks, strict=True):
            block.restore(kept)
        self._recent_numbers.restore(saved.recent_numbers)
        self._recent_mixes.restore(saved.recent_mixes)
        self.alarms = {alarm.row: copy.copy(alarm) for alarm in saved.alarms}
