"""RankESR: a numeric distribution moved, in place or in width, against a binned reference; all features at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from streams.detectors.shiryaev_roberts import Bools, Floats, ShiryaevRoberts, alarms

#: Stakes of the bets; the best one for a shift d of the mean rank is about 12 d.
STAKES = np.array([0.15, 0.4, 0.8, 1.4])
#: How many standard errors of the reference's own mean rank are tolerated. At 0 the reference, itself a sample, breaks
#: the budget (5,935 events per alarm for 10,000 asked); at 4 it is kept with room.
REFERENCE_ERRORS = 4.0


class RankScores:
    """What a bin of the reference says about the rank of a value in it, with the null expectations.

    For bins with counts f_j of n reference values: p_j = (values below + f_j/2 + 1/2) / (n + 1), the mid rank, and
    u_j = abs(2 p_j - 1), the distance from the middle. Both have standard deviation 1/sqrt(12) under the reference, so
    ``tolerance`` = z / sqrt(12 n) covers the reference's own error in either mean.
    """

    __slots__ = ("events", "rank", "rank_mean", "tolerance", "width", "width_mean")

    def __init__(self, counts: npt.NDArray[Any]) -> None:
        """``counts``, shape (bins,): the reference's values per bin, at least one in total."""
        f = np.asarray(counts, np.float64)
        n = float(f.sum())
        self.events = n
        self.rank: Floats = (np.cumsum(f) - f / 2 + 0.5) / (n + 1)
        self.width: Floats = np.abs(2 * self.rank - 1)
        self.rank_mean = float(self.rank @ f / n)
        self.width_mean = float(self.width @ f / n)
        self.tolerance = REFERENCE_ERRORS / (12 * n) ** 0.5


def log_table(scores: RankScores) -> Floats:
    """log L per bin and bet, shape (bins, 16).

    L = 1 + l (q - E q - tolerance) for q in {p, 1-p, u, 1-u} and four stakes l.
    """
    families = (
        (scores.rank, scores.rank_mean),
        (1 - scores.rank, 1 - scores.rank_mean),
        (scores.width, scores.width_mean),
        (1 - scores.width, 1 - scores.width_mean),
    )
    columns = [
        # A tiny reference has a tolerance so large that a full stake could lose more than everything.
        np.log(np.maximum(1 + stake * (q - mean - scores.tolerance), 1e-3))
        for q, mean in families
        for stake in STAKES
    ]
    return np.stack(columns, axis=1)


class RankESR:
    """e-SR mixtures on ranks against a fixed reference, one row per feature.

    Needs no moments, is immune to outliers, finds shifts of location and of scale. A batch costs one matrix product:
    the counts per bin times the table of log increments. Idea: conformal test martingales against a fixed reference
    (Shaer, Bar, Prinster, Romano, arXiv 2602.13848). The null is exchangeability: an autocorrelated feature belongs to
    ``BlockCUSUM``.
    """

    name: ClassVar[str] = "rank-e-SR"
    calibrated: ClassVar[bool] = True

    def __init__(self, scores: list[RankScores], events_per_false_alarm: float) -> None:
        """``scores``: one per feature; ``events_per_false_alarm``: of all features together."""
        bets = 4 * len(STAKES)
        self.events_per_false_alarm = events_per_false_alarm
        self._tolerances: list[float] = [score.tolerance for score in scores]
        bins = max((len(s.rank) for s in scores), default=1)
        self._table: npt.NDArray[np.float32] = np.zeros((len(scores), bins, bets), np.float32)
        for row, score in enumerate(scores):
            self._table[row, : len(score.rank)] = log_table(score)
        self.evidence = ShiryaevRoberts(np.full((len(scores), bets), 1.0 / bets))
        self._log_evidence: Floats = self.evidence.log_evidence

    def update(self, counts: npt.NDArray[Any], start_ms: int = 0) -> None:
        """Take a batch: values per bin, shape (features, bins); bins beyond a feature's own are 0."""
        bins = self._table.shape[1]
        c = counts[:, :bins].astype(np.float64)
        log_l = np.matmul(c[:, None, :], self._table)[:, 0, :]
        self.evidence.update(log_l, c.sum(axis=1), start_ms)
        self._log_evidence = self.evidence.log_evidence

    @property
    def log_evidence(self) -> Floats:
        """log of the mixtures, shape (features,)."""
        return self._log_evidence

    @property
    def alarms(self) -> Bools:
        """Which features alarm, shape (features,)."""
        return alarms(self._log_evidence, self.events_per_false_alarm)

    @property
    def drift_detected(self) -> bool:
        """Whether any feature alarms."""
        return bool(self.alarms.any())

    def shift(self, row: int) -> float:
        """A cautious guess of how far the mean of the best bet's score moved: what its stake is the best answer to."""
        stake = float(STAKES[self.evidence.best_bet(row) % len(STAKES)])
        return self._tolerances[row] + stake / 12

    def reset(self, rows: Bools | int | slice = slice(None)) -> None:
        """Forget the evidence of the selected rows."""
        self.evidence.reset(rows)
        self._log_evidence = self.evidence.log_evidence

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return self.evidence.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self.evidence.restore(state)
        self._log_evidence = self.evidence.log_evidence
