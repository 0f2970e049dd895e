"""Metrics of predicted probabilities in a window: log loss, Brier score and the area under the ROC curve."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from driftbell.streams.agreement import Task, class_name, class_order
from driftbell.streams.batch import FloatArray
from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.family import LabelColumns, MetricFamily, Values, compact
from driftbell.streams.windows.scores import ManyClasses

#: scikit-learn clips probabilities to [eps, 1 - eps] in ``log_loss``.
_EPSILON: Final = float(np.finfo(np.float64).eps)
#: Bins of the score for the ROC curve: equal steps of its logit, so that rare classes (scores near 0) are resolved as
#: well. A pair of scores in one bin counts as tied; the area is off by at most half the share of such pairs.
BINS: Final = 64
_LARGEST_LOGIT: Final = 8.0
_STEP: Final = 2 * _LARGEST_LOGIT / (BINS - 2)
_EDGES: Final = 1 / (1 + np.exp(-(np.arange(BINS - 1) * _STEP - _LARGEST_LOGIT)))


class Probability(MetricFamily):
    """``log_loss``, ``brier_score_loss``, ``roc_auc_score`` (binary); ``log_loss`` only with more than two classes.

    ``scores`` is the probability of the positive class or a mapping of class to probability. What is no probability does not
    come here: see ``driftbell.streams.windows.scores``.
    """

    key: ClassVar[str] = "p"

    def __init__(self) -> None:
        #: By class of the label, as it need not be known yet which one is positive: events, then the sums of weight,
        #: log p, log (1 - p), p and p squared.
        self._sums: dict[int, tuple[int, FloatArray]] = {}
        self._bins: dict[int, dict[int, float]] = {}
        #: More than two classes: events, weight, log of the label's probability.
        self._many: tuple[int, float, float] = (0, 0.0, 0.0)

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Add rows that have a score."""
        if answers.measures:
            return
        by_class: dict[int, list[int]] = {}
        chances: dict[int, float] = {}
        for row, scores in enumerate(columns.scores):
            if scores is None:
                continue
            name = class_name(columns.labels[row])
            if isinstance(scores, ManyClasses):
                self._add_many(scores.of(name), float(columns.weights[row]), int(columns.signs[row]))
                continue
            chance = _chance(scores, answers.positive_name)
            if chance is not None:
                chances[row] = chance
                by_class.setdefault(answers.number(name), []).append(row)
        for number, rows in by_class.items():
            self._add(number, np.array([chances[row] for row in rows]), columns.weights[rows], columns.signs[rows])

    def values(self, answers: Answers) -> Values:
        """The metrics."""
        if answers.task is not Task.CLASSIFICATION:
            return {}
        positive = answers.positive
        if positive is None:
            count, weight, log = self._many
            return {"log_loss": -log / weight} if count > 0 and weight > 0 and not self._sums else {}
        zero = np.zeros(5)
        # A class in which nothing is left has no weight, whatever rounding has left in the sums.
        sums = {number: values for number, (count, values) in self._sums.items() if count > 0}
        yes = sums.pop(positive, zero)
        no = sum(sums.values(), zero)
        weight = float(yes[0] + no[0])
        if weight <= 0:
            return {}
        values = {
            "log_loss": -float(yes[1] + no[2]) / weight,
            "brier_score_loss": max(0.0, float(yes[0] - 2 * yes[3] + yes[4] + no[4])) / weight,
        }
        area = self._area(positive, set(sums)) if yes[0] > 0 and no[0] > 0 else None
        return values if area is None else {**values, "roc_auc_score": area}

    def _add_many(self, chance: float, weight: float, sign: int) -> None:
        count, total, log = self._many
        clipped = min(max(chance, _EPSILON), 1 - _EPSILON)
        count += sign
        self._many = (count, total + weight, log + weight * math.log(clipped)) if count else (0, 0.0, 0.0)

    def _add(self, number: int, chance: FloatArray, weights: FloatArray, signs: Any) -> None:
        count, sums = self._sums.get(number, (0, np.zeros(5)))
        clipped = np.clip(chance, _EPSILON, 1 - _EPSILON)
        terms = np.stack([np.ones_like(chance), np.log(clipped), np.log1p(-clipped), chance, chance * chance])
        count += int(signs.sum())
        if count == 0:
            self._sums.pop(number, None)
            self._bins.pop(number, None)
            return
        self._sums[number] = count, sums + terms @ weights
        bins = self._bins.setdefault(number, {})
        added = np.bincount(np.searchsorted(_EDGES, chance, side="right"), weights)
        for at in np.flatnonzero(added).tolist():
            bins[at] = bins.get(at, 0.0) + float(added[at])

    def _area(self, positive: int, negatives: set[int]) -> float | None:
        yes, no = np.zeros(BINS), np.zeros(BINS)
        for number, bins in self._bins.items():
            target = yes if number == positive else no if number in negatives else None
            if target is not None:
                for at, weight in bins.items():
                    target[at] += weight
        below = np.cumsum(no) - no
        pairs = float(yes.sum() * no.sum())
        return min(1.0, max(0.0, float((yes * (below + 0.5 * no)).sum()) / pairs)) if pairs > 0 else None

    def state(self) -> Any:
        """Sums and occupied bins."""
        if not self._sums and not self._many[0]:
            return None
        rows = [
            [
                number,
                count,
                sums.tolist(),
                [part for at, weight in self._bins[number].items() for part in (at, compact(weight))],
            ]
            for number, (count, sums) in self._sums.items()
        ]
        return [rows, list(self._many)]

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        rows, (count, weight, log) = state
        self._many = count, weight, log
        self._sums = {number: (events, np.array(sums)) for number, events, sums, _ in rows}
        self._bins = {number: dict(zip(flat[::2], map(float, flat[1::2]), strict=True)) for number, _, _, flat in rows}


def _chance(scores: dict[str, float] | float, positive: str | None) -> float | None:
    """The probability of the positive class."""
    if not isinstance(scores, dict):
        return scores
    if not scores:
        return None
    # As in ``Answers.positive``: the configured class, else the last in order.
    return scores.get(max(scores, key=class_order) if positive is None else positive)
