"""CategoryESR: the mix of categories moved against the reference; all categorical features at once."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.shiryaev_roberts import Bools, EvidenceState, Floats, ShiryaevRoberts, alarms
from driftbell.streams.stats import upper_bound

#: Standard errors by which the reference's own share of a category may be wrong.
REFERENCE_ERRORS = 3.0
#: Alternatives multiply (or divide) the odds of a category by these: small, middling and drastic changes of the mix.
_ODDS = np.array([1.5, 3.0, 10.0])
#: A category can only be seen to vanish if the reference holds more than this share of it.
_VANISHING = 0.01
_INSIDE = 1e-6


class CategoryESR:
    """e-SR mixtures over "category c became more (less) frequent than the reference allows", one row per feature.

    The reference's share is widened by its own error (Wilson, 3 standard errors) on either side, so that the reference
    being a sample costs no false alarms. Statistic and budget: ``ShiryaevRoberts``, ``alarms``.

    >>> rng = np.random.default_rng(1)
    >>> detector = CategoryESR([np.array([2500, 1500, 1000])], events_per_false_alarm=100_000)
    >>> for at in range(40):
    ...     mix = [0.5, 0.3, 0.2] if at < 20 else [0.35, 0.3, 0.35]
    ...     detector.update(rng.multinomial(100, mix)[None], start_ms=at)
    ...     if detector.drift_detected:
    ...         print(f"found in batch {at}: category {detector.moved(0)[0]} moved")
    ...         break
    found in batch 21: category 2 moved
    """

    name: ClassVar[str] = "category-e-SR"
    calibrated: ClassVar[bool] = True

    def __init__(
        self, counts: list[npt.NDArray[Any]], events_per_false_alarm: float, uncertain: list[float] | None = None
    ) -> None:
        """One row per feature.

        Args:
            counts: the reference's events per category (the last one being "other") of each feature.
            events_per_false_alarm: of all features together.
            uncertain: how many events of a category the reference may have missed, per feature (bounded counting).
        """
        self.events_per_false_alarm = events_per_false_alarm
        self._counts = counts
        self._uncertain = uncertain
        categories = max((len(c) for c in counts), default=1)
        shape = (len(counts), categories, 2 * len(_ODDS))
        self._gain = np.zeros(shape)
        self._loss = np.zeros(shape)
        weights = np.zeros(shape)
        for row, column in enumerate(counts):
            missed = uncertain[row] if uncertain else 0.0
            for index in range(len(column)):
                high, low = _bounds(column, index, missed)
                self._bet(row, index, slice(0, 3), high, _ODDS)
                weights[row, index, :3] = 1.0
                if low > _VANISHING:
                    self._bet(row, index, slice(3, 6), low, 1 / _ODDS)
                    weights[row, index, 3:] = 1.0
        flat = weights.reshape(len(counts), categories * shape[2])
        self.evidence = ShiryaevRoberts(flat / flat.sum(axis=1, keepdims=True))

    def _bet(self, row: int, index: int, where: slice, p0: float, odds: Floats) -> None:
        p1 = _alternatives(p0, odds)
        self._gain[row, index, where] = np.log(p1 / p0)
        self._loss[row, index, where] = np.log1p(-p1) - np.log1p(-p0)

    def update(self, counts: npt.NDArray[Any], start_ms: int = 0) -> None:
        """Take a batch: events per category of each feature, shape (features, categories); padding is 0."""
        k = counts[:, : self._gain.shape[1]].astype(np.float64)
        n = k.sum(axis=1)
        log_l = k[:, :, None] * self._gain + (n[:, None] - k)[:, :, None] * self._loss
        self.evidence.update(log_l.reshape(len(k), -1), n, start_ms)

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

    def moved(self, row: int) -> tuple[int, float]:
        """The category of the best bet and the share that bet supposes."""
        index, bet = divmod(self.evidence.best_bet(row), 2 * len(_ODDS))
        # Not kept, as it is asked for when there is an alarm.
        high, low = _bounds(self._counts[row], index, self._uncertain[row] if self._uncertain else 0.0)
        supposed = np.append(_alternatives(high, _ODDS), _alternatives(low, 1 / _ODDS))
        return index, float(supposed[bet])

    def reset(self, rows: Bools | int | slice = slice(None)) -> None:
        """Forget the evidence of the selected rows."""
        self.evidence.reset(rows)

    def state(self) -> EvidenceState:
        """The evidence, copied; the reference belongs to whoever builds the detector."""
        return self.evidence.state()

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        self.evidence.restore(state)


def _bounds(counts: npt.NDArray[Any], index: int, missed: float) -> tuple[float, float]:
    """The most and the least that the share of a category may be, given the reference's ``counts``."""
    n, count = float(counts.sum()), counts[index].item()
    high = min(max(upper_bound(min(count + missed, n), n, REFERENCE_ERRORS), _INSIDE), 1 - _INSIDE)
    return high, 1 - upper_bound(n - count, n, REFERENCE_ERRORS)


def _alternatives(p0: float, odds: Floats) -> Floats:
    stake = odds * p0 / (1 - p0)
    return np.asarray(stake / (1 + stake))
