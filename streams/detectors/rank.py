"""RankESR: a numeric distribution moved, in place or in width, against a binned reference; all features at once."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.rank_scores import BETS, FACTORS, LOCATIONS, RankScores, log_constants
from driftbell.streams.detectors.shiryaev_roberts import Bools, EvidenceState, Floats, ShiryaevRoberts, alarms


class RankESR:
    """e-SR mixtures on ranks against a fixed reference, one row per feature.

    Needs no moments, is immune to outliers, finds shifts of place and of width. A batch costs two sums per feature, of
    normal scores and of their squares. Idea: conformal test martingales against a fixed reference
    (Shaer, Bar, Prinster, Romano, arXiv 2602.13848). The null is exchangeability: an autocorrelated feature belongs to
    ``BlockCUSUM``.

    >>> rng = np.random.default_rng(1)
    >>> edges = np.linspace(-3, 3, 20)
    >>> def counted(values):
    ...     return np.bincount(np.digitize(values, edges), minlength=len(edges) + 1)
    >>> reference = RankScores(counted(rng.normal(0, 1, 2000)))
    >>> detector = RankESR([reference], events_per_false_alarm=100_000)
    >>> for at in range(40):
    ...     detector.update(counted(rng.normal(0 if at < 20 else 0.5, 1, 100))[None], start_ms=at)
    ...     if detector.drift_detected:
    ...         print(f"found in batch {at}; it began in batch {detector.evidence.change_point(0)[0]}")
    ...         break
    found in batch 20; it began in batch 20
    """

    name: ClassVar[str] = "rank-e-SR"
    calibrated: ClassVar[bool] = True

    def __init__(self, scores: list[RankScores], events_per_false_alarm: float) -> None:
        """``scores``: one per feature; ``events_per_false_alarm``: of all features together."""
        self.events_per_false_alarm = events_per_false_alarm
        bins = max((len(s.rank) for s in scores), default=1)
        self._normal: Floats = np.zeros((len(scores), bins))
        self._constants: Floats = np.zeros((len(scores), BETS))
        for row, score in enumerate(scores):
            self._normal[row, : len(score.normal)] = score.normal
            self._constants[row] = log_constants(score)
        self.evidence = ShiryaevRoberts(np.full((len(scores), BETS), 1.0 / BETS))

    def update(self, counts: npt.NDArray[Any], start_ms: int = 0) -> None:
        """Take a batch: values per bin, shape (features, bins); bins beyond a feature's own are 0."""
        bins = self._normal.shape[1]
        c = counts[:, :bins].astype(np.float64)
        events = c.sum(axis=1)
        c *= self._normal
        log_l = events[:, None] * -self._constants
        locations = len(LOCATIONS)
        log_l[:, :locations] += c.sum(axis=1)[:, None] * FACTORS[:locations]
        c *= self._normal
        log_l[:, locations:] += c.sum(axis=1)[:, None] * FACTORS[locations:]
        self.evidence.update(log_l, events, start_ms)

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

    def state(self) -> EvidenceState:
        """The evidence, copied; the reference belongs to whoever builds the detector."""
        return self.evidence.state()

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        self.evidence.restore(state)
