"""RankESR: a numeric distribution moved, in place or in width, against a binned reference; all features at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from streams.detectors.shiryaev_roberts import Bools, Floats, ShiryaevRoberts, alarms

#: Alternatives, as if ranks were mapped to a normal distribution: its mean moved by so many standard deviations ...
LOCATIONS = (0.2, -0.2, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
#: ... or its standard deviation multiplied.
SCALES = (1.3, 1.7, 3.0, 0.8, 0.6, 0.35)
BETS = len(LOCATIONS) + len(SCALES)
#: Standard errors of the reference, itself a sample, that a bet tolerates. With none the budget is broken (5,935 events
#: per alarm for 10,000 asked). What lies beyond is found, but late: half a standard error more takes a million events,
#: and at 3 one statistic in 2,000 is that far off.
REFERENCE_ERRORS = 3.0


class RankScores:
    """What a bin of the reference says about the rank of a value in it, with the null expectations.

    For bins with counts f_j of n reference values: p_j = (values below + f_j/2 + 1/2) / (n + 1), the mid rank, and
    u_j = abs(2 p_j - 1), the distance from the middle. Both have standard deviation 1/sqrt(12) under the reference, so
    ``tolerance`` = z / sqrt(12 n) covers the reference's own error in either mean.
    """

    __slots__ = ("events", "rank", "rank_mean", "share", "tolerance", "width", "width_mean")

    def __init__(self, counts: npt.NDArray[Any]) -> None:
        """``counts``, shape (bins,): the reference's values per bin, at least one in total."""
        f = np.asarray(counts, np.float64)
        n = float(f.sum())
        self.events = n
        self.share: Floats = f / n
        self.rank: Floats = (np.cumsum(f) - f / 2 + 0.5) / (n + 1)
        self.width: Floats = np.abs(2 * self.rank - 1)
        self.rank_mean = float(self.rank @ f / n)
        self.width_mean = float(self.width @ f / n)
        self.tolerance = REFERENCE_ERRORS / (12 * n) ** 0.5


def log_table(scores: RankScores) -> Floats:
    """log L per bin and bet, shape (bins, BETS).

    With z the normal score of a bin's rank, L is the likelihood ratio of a normal distribution with another mean,
    exp(d z), or another standard deviation, exp(z^2 (1 - 1/s^2) / 2), divided by its mean over the reference plus so
    many
    standard errors of that mean: E L <= 1 then holds for the reference whatever its distribution and ties, and for the
    distribution the reference was drawn from. (Bets linear in the rank, L = 1 + l (p - 1/2), need no scores, but twice
    as many events for a shift of one standard deviation.)
    """
    ratio = _ratio(scores)
    mean = scores.share @ ratio
    error = np.sqrt(np.maximum(scores.share @ (ratio * ratio) - mean * mean, 0) / scores.events)
    return np.asarray(np.log(ratio) - np.log(mean + REFERENCE_ERRORS * error))


def _ratio(scores: RankScores) -> Floats:
    z = _normal_scores(scores)
    exponents = [d * z for d in LOCATIONS] + [z * z * (1 - 1 / (s * s)) / 2 for s in SCALES]
    return np.asarray(np.exp(np.stack(exponents, axis=1)))


def _normal_scores(scores: RankScores) -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf(p) for p in scores.rank.tolist()])


def observed_shift(scores: RankScores, bet: int, log_ratio: float, events: int) -> float:
    """How far the mean rank or the mean width moved, whichever more, at least.

    The mean log increment says what the mean normal score (or its square) must be; the reference tilted to that mean is
    what the column looks like now. One standard error is taken off, since alarms are raised where chance helped.

    Args:
        scores: of the column.
        bet: the bet that won.
        log_ratio: its summed log increments since the change point.
        events: events since the change point.
    """
    z = _normal_scores(scores)
    location = bet < len(LOCATIONS)
    statistic = z if location else z * z
    factor = LOCATIONS[bet] if location else (1 - 1 / SCALES[bet - len(LOCATIONS)] ** 2) / 2
    constant = float((np.log(_ratio(scores))[:, bet] - log_table(scores)[:, bet])[0])
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


class RankESR:
    """e-SR mixtures on ranks against a fixed reference, one row per feature.

    Needs no moments, is immune to outliers, finds shifts of place and of width. A batch costs one matrix product:
    the counts per bin times the table of log increments. Idea: conformal test martingales against a fixed reference
    (Shaer, Bar, Prinster, Romano, arXiv 2602.13848). The null is exchangeability: an autocorrelated feature belongs to
    ``BlockCUSUM``.
    """

    name: ClassVar[str] = "rank-e-SR"
    calibrated: ClassVar[bool] = True

    def __init__(self, scores: list[RankScores], events_per_false_alarm: float) -> None:
        """``scores``: one per feature; ``events_per_false_alarm``: of all features together."""
        self.events_per_false_alarm = events_per_false_alarm
        bins = max((len(s.rank) for s in scores), default=1)
        self._table: npt.NDArray[np.float32] = np.zeros((len(scores), bins, BETS), np.float32)
        for row, score in enumerate(scores):
            self._table[row, : len(score.rank)] = log_table(score)
        self.evidence = ShiryaevRoberts(np.full((len(scores), BETS), 1.0 / BETS))

    def update(self, counts: npt.NDArray[Any], start_ms: int = 0) -> None:
        """Take a batch: values per bin, shape (features, bins); bins beyond a feature's own are 0."""
        bins = self._table.shape[1]
        c = counts[:, :bins].astype(np.float64)
        log_l = np.matmul(c[:, None, :], self._table)[:, 0, :]
        self.evidence.update(log_l, c.sum(axis=1), start_ms)

    @property
    def log_evidence(self) -> Floats:
        """log of the mixtures, shape (features,)."""
        return self.evidence.log_evidence

    @property
    def alarms(self) -> Bools:
        """Which features alarm, shape (features,)."""
        return alarms(self.evidence.log_evidence, self.events_per_false_alarm)

    @property
    def drift_detected(self) -> bool:
        """Whether any feature alarms."""
        return self.evidence.ceiling >= math.log(self.events_per_false_alarm) and bool(self.alarms.any())

    def reset(self, rows: Bools | int | slice = slice(None)) -> None:
        """Forget the evidence of the selected rows."""
        self.evidence.reset(rows)

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return self.evidence.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self.evidence.restore(state)
