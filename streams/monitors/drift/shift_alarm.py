"""ShiftAlarm: a column that moved, and the test that says it is back."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import RankScores
from driftbell.streams.detectors.rank_scores import REFERENCE_ERRORS
from driftbell.streams.reference import Categories, Numbers
from driftbell.streams.stats import psi, psi_cutoff
from driftbell.streams.versioned import Array

Ints = npt.NDArray[np.int64]

#: Events of a recovery window, at least and at most.
_SHORTEST, _LONGEST = 200, 4000
#: A recovery window is so long that the alarmed shift is this many standard errors from its half.
_ERRORS = 3.0
#: A window's PSI must be within what this share of quiet windows shows ...
_QUIET = 0.9999
#: ... or below a value that nobody calls a shift, however many events say it is real.
_NEGLIGIBLE_PSI = 0.02
#: Standard deviation of a rank.
RANK_SD = 1 / math.sqrt(12)


class ShiftAlarm(msgspec.Struct, omit_defaults=True):
    """One column that moved, from the alarm until a whole window of it looks like the reference again.

    Windows follow each other, and each is long enough to distinguish the alarmed shift from none: at half of the shift,
    where "moved" and "back" are equally likely, both are three standard errors away. So a shift that stays keeps its
    alarm.
    """

    detector: str
    start_ms: int
    #: Since the likely change point.
    events: int
    #: How far the watched mean (a rank, or a category's share) has moved, at least.
    shift: float
    #: Events a recovery window needs.
    needed: int
    #: The category that moved most, for categorical columns.
    category: int = -1
    #: Of ``Shifts.profiles``.
    row: int = 0
    #: Events per bin (category) of the running recovery window; None before its first batch.
    window: Array | None = None

    def filled(self, counts: Ints) -> Ints | None:
        """Take a batch's counts per bin; the window once it is full, None before."""
        self.events += int(counts.sum())
        # Never added to in place: a copy of the alarm shares the window.
        window = counts.copy() if self.window is None or not len(self.window) else self.window + counts
        full = window.sum() >= self.needed
        self.window = None if full else window
        return window if full else None


def window_for(shift: float, spread: float) -> int:
    """Events of a recovery window for a mean that moved by ``shift``; ``spread`` is one event's standard deviation."""
    needed = (2 * _ERRORS * spread / max(shift, 1e-6)) ** 2
    return round(min(max(needed, _SHORTEST), _LONGEST))


def numbers_back(window: Ints, alarm: ShiftAlarm, numbers: Numbers) -> bool:
    """Whether a window of a numeric column, counted per bin, looks like the reference."""
    scores = RankScores(numbers.counts)
    counts = window[: len(scores.rank)]
    n = float(counts.sum())
    rank = abs(float(scores.rank @ counts) / n - scores.rank_mean)
    width = abs(float(scores.width @ counts) / n - scores.width_mean)
    # Half way is where the window tells "moved as far as alarmed" from "back" equally well; but the reference itself
    # may be off by two standard errors.
    if max(rank, width) > max(alarm.shift / 2, scores.tolerance * 2 / REFERENCE_ERRORS):
        return False
    r = min(max(numbers.autocorrelation, 0.0), 0.95)
    worth = n if numbers.blocks is None else n * (1 - r) / (1 + r)
    cutoff = psi_cutoff(worth, scores.events, len(counts) - 2, _QUIET)
    return inner_psi(counts, numbers.counts.astype(np.int64)) <= max(cutoff, _NEGLIGIBLE_PSI)


def mix_back(window: Ints, alarm: ShiftAlarm, mix: Categories) -> bool:
    """Whether a window of a categorical column, counted per pooled category, looks like the reference."""
    pooled = mix.pooled
    counts = window[: len(pooled)]
    n, m = float(counts.sum()), float(pooled.sum())
    if abs(counts[alarm.category] / n - pooled[alarm.category] / m) > alarm.shift / 2:
        return False
    return psi(counts, pooled) <= max(psi_cutoff(n, m, len(pooled), _QUIET), _NEGLIGIBLE_PSI)


def inner_psi(counts: Ints, reference: Ints) -> float:
    """PSI over bins, the outer two, empty in the reference, pooled into their neighbours."""
    return psi(_pooled(counts), _pooled(reference))


def _pooled(counts: Ints) -> Ints:
    if len(counts) < 4:
        return counts
    inner = counts[1:-1].copy()
    inner[0] += counts[0]
    inner[-1] += counts[-1]
    return inner
