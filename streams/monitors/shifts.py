"""Shifts: which columns of a reference moved; raised by calibrated detectors, held until the column is back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.detectors import BlockCUSUM, CategoryESR, RankESR, RankScores, alarms
from streams.reference import Categories, Columns, Numbers, Profiles
from streams.stats import psi, psi_cutoff

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]

#: Displayed PSI is over one to two times so many events.
_RECENT = 1024
#: Events of a recovery window, at least and at most.
_SHORTEST, _LONGEST = 200, 4000
#: A recovery window is so long that the alarmed shift is this many standard errors from its half.
_ERRORS = 3.0
#: A window's PSI must be within what this share of quiet windows shows ...
_QUIET = 0.9999
#: ... or below a value that nobody calls a shift, however many events say it is real.
_NEGLIGIBLE_PSI = 0.02
#: Standard deviation of a rank.
_RANK_SD = 1 / math.sqrt(12)


@dataclass(slots=True)
class ShiftAlarm:
    """One column that moved, from the alarm until a whole window of it looks like the reference again."""

    detector: str
    start_ms: int
    #: Since the likely change point.
    events: int
    #: How far the watched mean (a rank, or a category's share) is supposed to have moved.
    shift: float
    #: Events a recovery window needs.
    needed: int
    #: The category that moved most, for categorical columns.
    category: int = -1
    window: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


class Shifts:
    """Watches all columns of a set of profiles against it.

    Independent numeric columns go to one ``RankESR``, autocorrelated ones each to a ``BlockCUSUM``, categorical ones to one
    ``CategoryESR``. The budget is kept by all together: each column has an equal part of it.
    """

    def __init__(self, profiles: Profiles, events_per_false_alarm: float) -> None:
        self.profiles = profiles
        numbers = [profiles.profiles[row].numbers for row in profiles.numeric]
        self._numbers: list[Numbers] = [n for n in numbers if n is not None]
        self._scores = [RankScores(n.counts) for n in self._numbers]
        mixes = [profiles.profiles[row].categories for row in profiles.categorical]
        self._mixes: list[Categories] = [c for c in mixes if c is not None]
        self._plain = [at for at, n in enumerate(self._numbers) if n.blocks is None]
        watched = len(self._numbers) + len(self._mixes)
        self._rank = RankESR([self._scores[at] for at in self._plain], events_per_false_alarm)
        self._category = CategoryESR(
            [c.pooled for c in self._mixes], events_per_false_alarm, [float(c.uncertain) for c in self._mixes]
        )
        self._blocks = {
            at: BlockCUSUM(n.blocks, events_per_false_alarm * watched)
            for at, n in enumerate(self._numbers)
            if n.blocks is not None
        }
        # The rows of the e-detectors share what the block detectors leave of the budget.
        pooled = len(self._plain) + len(self._mixes)
        self._budget = events_per_false_alarm * watched / max(pooled, 1)
        self._bins = max((len(n.counts) for n in self._numbers), default=1)
        self._recent_numbers: list[Counts] = [np.zeros((len(self._numbers), self._bins), np.uint32) for _ in range(2)]
        self._recent_mixes: list[Counts] = [
            np.zeros((len(self._mixes), Categories.TOLD_APART + 1), np.uint32) for _ in range(2)
        ]
        self._recent_events = 0
        #: By row of ``profiles``, in the order in which they were raised.
        self.alarms: dict[int, ShiftAlarm] = {}

    def __len__(self) -> int:
        return len(self._numbers) + len(self._mixes)

    def update(self, columns: Columns) -> None:
        """Take a batch."""
        if not len(self):
            return
        self._remember(columns)
        start_ms = columns.start_ms
        bins = columns.bins
        if self._plain:
            self._rank.update(bins if len(self._plain) == len(bins) else bins[self._plain], start_ms)
        for at, detector in self._blocks.items():
            codes = columns.codes(at)
            scores = self._scores[at]
            detector.update(scores.rank[codes], scores.width[codes], start_ms)
        if self._mixes:
            self._category.update(columns.categories, start_ms)
        self._recover(columns)
        self._raise()

    def _remember(self, columns: Columns) -> None:
        for recent, counts in ((self._recent_numbers, columns.bins), (self._recent_mixes, columns.categories)):
            if self._recent_events >= _RECENT:
                recent.reverse()
                recent[0][:] = 0
            recent[0] += counts.astype(np.uint32)
        self._recent_events = (0 if self._recent_events >= _RECENT else self._recent_events) + columns.events

    def _raise(self) -> None:
        evidence = np.concatenate([self._rank.log_evidence, self._category.log_evidence])
        passed = alarms(evidence, self._budget)
        plain = len(self._plain)
        for index in np.flatnonzero(passed).tolist():
            if index < plain:
                row = self.profiles.numeric[self._plain[index]]
                if row not in self.alarms:
                    self.alarms[row] = self._rank_alarm(index)
            else:
                row = self.profiles.categorical[index - plain]
                if row not in self.alarms:
                    self.alarms[row] = self._category_alarm(index - plain)
        for at, detector in self._blocks.items():
            row = self.profiles.numeric[at]
            if detector.drift_detected and row not in self.alarms:
                self.alarms[row] = self._block_alarm(at, detector)

    def _rank_alarm(self, index: int) -> ShiftAlarm:
        start_ms, events = self._rank.evidence.change_point(index)
        shift = self._rank.shift(index)
        return ShiftAlarm(RankESR.name, start_ms, events, shift, _window(shift, _RANK_SD))

    def _block_alarm(self, at: int, detector: BlockCUSUM) -> ShiftAlarm:
        start_ms, events = detector.change_point()
        reference = detector.reference
        shift = detector.shift()
        spread = max(reference.rank_sd, reference.width_sd) * math.sqrt(reference.events)
        return ShiftAlarm(BlockCUSUM.name, start_ms, events, shift, _window(shift, spread))

    def _category_alarm(self, index: int) -> ShiftAlarm:
        start_ms, events = self._category.evidence.change_point(index)
        category, share = self._category.moved(index)
        pooled = self._mixes[index].pooled
        before = float(pooled[category] / pooled.sum())
        shift = abs(share - before)
        needed = _window(shift, math.sqrt(max(share * (1 - share), before * (1 - before))))
        return ShiftAlarm(CategoryESR.name, start_ms, events, shift, needed, category)

    def _recover(self, columns: Columns) -> None:
        if not self.alarms:
            return
        numeric = {row: at for at, row in enumerate(self.profiles.numeric)}
        categorical = {row: at for at, row in enumerate(self.profiles.categorical)}
        for row, alarm in list(self.alarms.items()):
            at = numeric.get(row)
            counts = columns.bins[at] if at is not None else columns.categories[categorical[row]]
            alarm.events += int(counts.sum())
            alarm.window = counts.copy() if not len(alarm.window) else alarm.window + counts
            if alarm.window.sum() < alarm.needed:
                continue
            back = self._numbers_back(at, alarm) if at is not None else self._mix_back(categorical[row], alarm)
            alarm.window = np.zeros(0, np.int64)
            if back:
                del self.alarms[row]
                self._reset(row, at, categorical)

    def _reset(self, row: int, at: int | None, categorical: Mapping[int, int]) -> None:
        if at is None:
            self._category.reset(categorical[row])
        elif at in self._blocks:
            self._blocks[at].reset()
        else:
            self._rank.reset(self._plain.index(at))

    def _numbers_back(self, at: int, alarm: ShiftAlarm) -> bool:
        numbers, scores = self._numbers[at], self._scores[at]
        counts = alarm.window[: len(scores.rank)]
        n = float(counts.sum())
        r = min(max(numbers.autocorrelation, 0.0), 0.95)
        worth = n if numbers.blocks is None else n * (1 - r) / (1 + r)
        rank = abs(float(scores.rank @ counts) / n - scores.rank_mean)
        width = abs(float(scores.width @ counts) / n - scores.width_mean)
        # Half way is where the window tells "moved as far as alarmed" from "back" equally well.
        if max(rank, width) > max(alarm.shift / 2, scores.tolerance):
            return False
        cutoff = psi_cutoff(worth, scores.events, len(counts) - 2, _QUIET)
        return _inner_psi(counts, numbers.counts) <= max(cutoff, _NEGLIGIBLE_PSI)

    def _mix_back(self, at: int, alarm: ShiftAlarm) -> bool:
        pooled = self._mixes[at].pooled
        counts = alarm.window[: len(pooled)]
        n, m = float(counts.sum()), float(pooled.sum())
        moved = abs(counts[alarm.category] / n - pooled[alarm.category] / m)
        if moved > alarm.shift / 2:
            return False
        return psi(counts, pooled) <= max(psi_cutoff(n, m, len(pooled), _QUIET), _NEGLIGIBLE_PSI)

    def psi_of(self, row: int) -> float | None:
        """PSI of the recent events of a column against the reference; None before any, or for an unwatched column."""
        found = self._recent(row)
        if found is None or not found[0].any():
            return None
        recent, reference = found
        return psi(recent, reference) if row in self.profiles.categorical else _inner_psi(recent, reference)

    def cutoff_of(self, row: int) -> float | None:
        """What PSI of the recent events stays below in 99.9 % of quiet windows."""
        found = self._recent(row)
        if found is None or not found[0].any():
            return None
        recent, reference = found
        return psi_cutoff(float(recent.sum()), float(reference.sum()), len(reference), 0.999)

    def recent_share(self, row: int, category: int) -> tuple[float, float]:
        """The share of one category told apart in the reference and among recent events."""
        found = self._recent(row)
        assert found is not None
        recent, reference = found
        return float(reference[category] / reference.sum()), float(recent[category] / max(recent.sum(), 1))

    def medians(self, row: int) -> tuple[float, float]:
        """The median of a numeric column in the reference and among recent events, to the nearest edge of a bin."""
        numbers = self.profiles.profiles[row].numbers
        found = self._recent(row)
        assert found is not None
        assert numbers is not None
        recent, reference = found
        return _median(reference, numbers), _median(recent, numbers)

    def outer_shares(self, row: int) -> tuple[float, float]:
        """The share of recent events below and above everything the reference holds."""
        found = self._recent(row)
        assert found is not None
        recent = found[0]
        total = max(int(recent.sum()), 1)
        return float(recent[0] / total), float(recent[-1] / total)

    def _recent(self, row: int) -> tuple[Ints, Ints] | None:
        profile = self.profiles.profiles[row]
        if profile.numbers is not None:
            at = list(self.profiles.numeric).index(row)
            both = self._recent_numbers[0][at].astype(np.int64) + self._recent_numbers[1][at]
            return both[: len(profile.numbers.counts)], profile.numbers.counts.astype(np.int64)
        if profile.categories is not None:
            at = list(self.profiles.categorical).index(row)
            both = self._recent_mixes[0][at].astype(np.int64) + self._recent_mixes[1][at]
            pooled = profile.categories.pooled
            return both[: len(pooled)], pooled
        return None

    def evidence(self) -> list[tuple[int, float, int]]:
        """Per watched column (row of the profiles, log evidence that it moved, likely change point in epoch ms)."""
        found = []
        for index, at in enumerate(self._plain):
            start_ms, _ = self._rank.evidence.change_point(index)
            found.append((self.profiles.numeric[at], float(self._rank.log_evidence[index]), start_ms))
        for at, detector in self._blocks.items():
            found.append((self.profiles.numeric[at], detector.log_evidence, detector.change_point()[0]))
        for index, row in enumerate(self.profiles.categorical):
            start_ms, _ = self._category.evidence.change_point(index)
            found.append((row, float(self._category.log_evidence[index]), start_ms))
        return found

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return {
            "rank": self._rank.state(),
            "category": self._category.state(),
            "blocks": [detector.state() for detector in self._blocks.values()],
            "recent_numbers": [counts.copy() for counts in self._recent_numbers],
            "recent_mixes": [counts.copy() for counts in self._recent_mixes],
            "recent_events": self._recent_events,
            "alarms": [{"row": row, **asdict(alarm)} for row, alarm in self.alarms.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._rank.restore(state["rank"])
        self._category.restore(state["category"])
        for detector, saved in zip(self._blocks.values(), state["blocks"], strict=True):
            detector.restore(saved)
        self._recent_numbers = [np.array(counts, np.uint32) for counts in state["recent_numbers"]]
        self._recent_mixes = [np.array(counts, np.uint32) for counts in state["recent_mixes"]]
        self._recent_events = state["recent_events"]
        self.alarms = {}
        for entry in state["alarms"]:
            values = {key: value for key, value in entry.items() if key not in ("row", "window")}
            self.alarms[entry["row"]] = ShiftAlarm(**values, window=np.array(entry["window"], np.int64))


def _median(counts: Ints, numbers: Numbers) -> float:
    total = np.cumsum(counts)
    at = int(np.searchsorted(total, total[-1] / 2))
    low = float(numbers.edges[max(at - 1, 0)])
    high = float(numbers.edges[min(at, len(numbers.edges) - 1)])
    below = float(total[at - 1]) if at else 0.0
    within = (float(total[-1]) / 2 - below) / max(float(counts[at]), 1.0)
    return low + (high - low) * within


def _window(shift: float, spread: float) -> int:
    needed = (2 * _ERRORS * spread / max(shift, 1e-6)) ** 2
    return round(min(max(needed, _SHORTEST), _LONGEST))


def _inner_psi(counts: Ints, reference: npt.NDArray[Any]) -> float:
    """PSI with the outer bins, empty in the reference, pooled into their neighbours."""
    return psi(_pooled(counts), _pooled(reference.astype(np.int64)))


def _pooled(counts: Ints) -> Ints:
    if len(counts) < 4:
        return counts
    inner = counts[1:-1].copy()
    inner[0] += counts[0]
    inner[-1] += counts[-1]
    return inner
