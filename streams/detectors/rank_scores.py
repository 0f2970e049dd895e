"""Ranks against a binned reference, their normal scores, and the bets on both."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.shiryaev_roberts import Floats

#: Alternatives, as if ranks were mapped to a normal distribution: its mean moved by so many standard deviations ...
LOCATIONS = (0.2, -0.2, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
#: ... or its standard deviation multiplied.
SCALES = (1.3, 1.7, 3.0, 0.8, 0.6, 0.35)
BETS = len(LOCATIONS) + len(SCALES)
#: What each bet multiplies its statistic with: the normal score z for locations, z^2 for scales.
FACTORS = np.array([*LOCATIONS, *((1 - 1 / (s * s)) / 2 for s in SCALES)])
#: Standard errors of the reference, itself a sample, that a bet tolerates. With none the budget is broken (5,935 events
#: per alarm for 10,000 asked). What lies beyond is found, but late: half a standard error more takes a million events,
#: and at 3 one statistic in 2,000 is that far off.
REFERENCE_ERRORS = 3.0


class RankScores:
    """What a bin of the reference says about the rank of a value in it, with the null expectations.

    For bins with counts f_j of n reference values: p_j = (values below + f_j/2 + 1/2) / (n + 1), the mid rank, and
    u_j = abs(2 p_j - 1), the distance from the middle. Both have standard deviation 1/sqrt(12) under the reference, so
    ``tolerance`` = z / sqrt(12 n) covers the reference's own error in either mean.

    >>> scores = RankScores(np.array([25, 50, 25]))
    >>> [round(rank, 2) for rank in scores.rank.tolist()], [round(width, 2) for width in scores.width.tolist()]
    ([0.13, 0.5, 0.87], [0.74, 0.0, 0.74])
    """

    __slots__ = ("events", "normal", "rank", "rank_mean", "share", "tolerance", "width", "width_mean")

    def __init__(self, counts: npt.NDArray[Any]) -> None:
        """``counts``, shape (bins,): the reference's values per bin, at least one in total."""
        f = np.asarray(counts, np.float64)
        n = float(f.sum())
        self.events = n
        self.share: Floats = f / n
        self.rank: Floats = (np.cumsum(f) - f / 2 + 0.5) / (n + 1)
        quantile = NormalDist().inv_cdf
        self.normal: Floats = np.array([quantile(p) for p in self.rank.tolist()])
        self.width: Floats = np.abs(2 * self.rank - 1)
        self.rank_mean = float(self.rank @ f / n)
        self.width_mean = float(self.width @ f / n)
        self.tolerance = REFERENCE_ERRORS / (12 * n) ** 0.5


def log_constants(scores: RankScores) -> Floats:
    """What is taken off the log increment of each bet per event, shape (BETS,).

    With z the normal score of a value's rank, the increment is the likelihood ratio of a normal distribution with
    another mean, exp(d z), or another standard deviation, exp(z^2 (1 - 1/s^2) / 2). It is divided by its mean over the
    reference plus ``REFERENCE_ERRORS`` standard errors of that mean, so that E L <= 1 holds for the reference whatever
    its distribution and ties, and for the distribution from which the reference was drawn. (Bets linear in the rank,
    L = 1 + l (p - 1/2), need no scores, but twice
    as many events for a shift of one standard deviation.)

    >>> constants = log_constants(RankScores(np.array([25, 50, 25])))
    >>> len(constants) == BETS, bool((constants[: len(LOCATIONS)] > 0).all())
    (True, True)
    """
    z = scores.normal[:, None]
    powers = np.where(np.arange(BETS) < len(LOCATIONS), z, z * z)
    ratio = np.exp(powers * FACTORS)
    share = scores.share.copy()
    # The outer bins are empty by construction (see ``bin_edges``), but a further value of the same distribution falls into
    # each with probability 1 / (n + 1). With share 0 a bet on them costs nothing and wins 1,600-fold at the first one.
    share[[0, -1]] = np.maximum(share[[0, -1]], 1 / (scores.events + 1))
    share /= share.sum()
    mean = share @ ratio
    error = np.sqrt(np.maximum(share @ (ratio * ratio) - mean * mean, 0) / scores.events)
    return np.asarray(np.log(mean + REFERENCE_ERRORS * error))


def observed_shift(scores: RankScores, bet: int, log_ratio: float, events: int) -> float:
    """How far the mean rank or the mean width moved, whichever more, at least.

    The mean log increment says what the mean normal score (or its square) must be; the reference tilted to that mean is
    what the column looks like now. One standard error is taken off, since alarms are raised where chance helped.

    Args:
        scores: of the column.
        bet: the bet that won.
        log_ratio: its summed log increments since the change point.
        events: events since the change point.

    >>> scores = RankScores(np.full(20, 100))
    >>> round(observed_shift(scores, bet=2, log_ratio=40.0, events=200), 2)
    0.18
    """
    z = scores.normal
    statistic = z if bet < len(LOCATIONS) else z * z
    factor, constant = float(FACTORS[bet]), float(log_constants(scores)[bet])
    usual = float(scores.share @ statistic)
    error = math.sqrt(max(float(scores.share @ statistic**2) - usual**2, 0.0) / max(events, 1))
    moved = (log_ratio / max(events, 1) + constant) / factor - usual
    moved = math.copysign(max(abs(moved) - error, 0.0), moved)
    tilted = _tilted(scores.share, statistic, usual + moved)
    return float(max(abs(scores.rank @ tilted - scores.rank_mean), abs(scores.width @ tilted - scores.width_mean)))


def _tilted(share: Floats, statistic: Floats, target: float) -> Floats:
    """``share`` times exp(t statistic), normalised, with t such that the mean of the statistic is ``target``."""
    low, high = -20.0, 20.0
    weights = share
    for _ in range(50):
        t = (low + high) / 2
        exponents = t * statistic
        weights = share * np.exp(exponents - float(exponents.max()))
        weights /= weights.sum()
        low, high = (t, high) if float(weights @ statistic) < target else (low, t)
    return weights
