"""BoundedMeanESR: the mean of a bounded quantity rose above what is tolerated."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.shiryaev_roberts import EvidenceState, Floats, ShiryaevRoberts
from driftbell.streams.versioned import Array

#: Bets as shares of the largest stake that keeps L >= 0. Small ones find small shifts; 1 itself would let one event end
#: a bet.
_STAKES = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])


class BoundedMeanState(EvidenceState, frozen=True):
    """The evidence, the tolerated mean, and the sum of the values since each bet's change point."""

    mean: float
    #: None in states of before it was kept.
    totals: Array | None = None


class BoundedMeanESR:
    """e-SR mixture for x in [0, 1] with null "conditional mean at most m": L = 1 + l (x - m), 0 <= l < 1/m.

    Any metric is such a mean (statistics: accuracy, F1, MAE clipped at a cap, ...). It uses the variance that
    x really has, where a Bernoulli likelihood assumes the largest one. Source: as ``ShiryaevRoberts``.

    >>> rng = np.random.default_rng(1)
    >>> detector = BoundedMeanESR(mean=0.22, events_per_false_alarm=100_000)
    >>> for at in range(40):
    ...     detector.update(rng.beta(2, 8 if at < 20 else 4, 100), start_ms=at)
    ...     if detector.drift_detected:
    ...         print(f"found in batch {at}; it began in batch {detector.evidence.change_point(0)[0]}")
    ...         break
    found in batch 20; it began in batch 20
    """

    name: ClassVar[str] = "bounded-mean-e-SR"
    calibrated: ClassVar[bool] = True

    def __init__(self, mean: float, events_per_false_alarm: float) -> None:
        """``mean`` is the tolerated mean, in (0, 1)."""
        self.events_per_false_alarm = events_per_false_alarm
        self._log_bound = math.log(events_per_false_alarm)
        self.retarget(mean)
        bets = len(_STAKES)
        self.evidence = ShiryaevRoberts(np.full((1, bets), 1.0 / bets))
        self._totals: Floats = np.zeros(bets)

    def retarget(self, mean: float) -> None:
        """Tolerate another mean from now on, chosen from the past only; the evidence so far stands."""
        self.mean = min(max(mean, 1e-6), 0.999)
        self._stakes: Floats = _STAKES / self.mean

    def update(self, values: npt.NDArray[np.float64], start_ms: int = 0) -> None:
        """Take a batch of values in [0, 1], shape (n,)."""
        log_l = np.log1p(self._stakes[:, None] * (values - self.mean)[None, :]).sum(axis=1)
        self.evidence.update(log_l[None, :], np.array([float(len(values))]), start_ms)
        # A bet whose walk begins with this batch has seen no more events than are in it.
        self._totals = np.where(self.evidence.since(0) > len(values), self._totals, 0.0) + values.sum()

    def mean_since_change(self) -> float | None:
        """The mean of the values since the likely change point; None where a state of before it was kept goes on."""
        total, (_, events) = self._totals[self.evidence.best_bet(0)], self.evidence.change_point(0)
        return None if math.isnan(total) or not events else float(total) / events

    @property
    def log_evidence(self) -> float:
        """log of the mixture."""
        return float(self.evidence.log_evidence[0])

    @property
    def drift_detected(self) -> bool:
        """Whether the evidence passes the budget."""
        return self.log_evidence >= self._log_bound

    def reset(self) -> None:
        """Forget the evidence."""
        self.evidence.reset()
        self._totals[:] = 0

    def state(self) -> BoundedMeanState:
        """The evidence and the target, copied."""
        evidence = self.evidence.state()
        return BoundedMeanState(
            log_m=evidence.log_m,
            walk=evidence.walk,
            since=evidence.since,
            start_ms=evidence.start_ms,
            mean=self.mean,
            totals=self._totals.copy(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = BoundedMeanState.read(state)
        self.evidence.restore(saved)
        self._totals = np.full(len(_STAKES), math.nan) if saved.totals is None else np.array(saved.totals, np.float64)
        self.retarget(saved.mean)
