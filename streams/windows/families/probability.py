"""Metrics of predicted probabilities in a window: log loss, Brier score and the area under the ROC curve."""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Final

import numpy as np

from driftbell.streams.agreement import Task, class_name, class_order
from driftbell.streams.batch import FloatArray
from driftbell.streams.windows.answers import LONGEST_NAME, Answers
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

#: Class of the label, and the name of the class whose probability was given alone, or ``_POSITIVE``.
_Cell = tuple[int, str]
_POSITIVE: Final = ""


class Probability(MetricFamily):
    """``log_loss``, ``brier_score_loss``, ``roc_auc_score`` (binary); ``log_loss`` only with more than two classes.

    ``scores`` is the probability of the positive class or a mapping of class to probability; of one class alone it is the
    probability of that class, whichever it is, and of a binary classifier tells the other's. What is no probability does not
    come here: see ``driftbell.streams.windows.scores``.
    """

    key: ClassVar[str] = "p"

    def __init__(self) -> None:
        #: By class of the label and by what p is the probability of, as it need not be known yet which class is positive:
        #: events, then the sums of weight, log p, log (1 - p), p and p squared.
        self._sums: dict[_Cell, tuple[int, FloatArray]] = {}
        self._bins: dict[_Cell, dict[int, float]] = {}
        #: Mappings of two classes or more, as there may be a third one: events, weight, log of the label's probability.
        self._many: tuple[int, float, float] = (0, 0.0, 0.0)

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Add rows that have a score."""
        if answers.measures:
            return
        cells: dict[_Cell, list[int]] = {}
        chances: dict[int, float] = {}
        many: dict[int, float] = {}
        for row, scores in enumerate(columns.scores):
            if scores is None:
                continue
            name = class_name(columns.labels[row])
            about = _POSITIVE
            if isinstance(scores, ManyClasses):
                many[row] = scores.of(name)
                continue
            if not isinstance(scores, dict):
                chance: float | None = scores
            elif len(scores) > 1:
                many[row] = scores.get(name, 0.0)
                chance = scores.get(answers.positive_name or max(scores, key=class_order))
            else:
                about, chance = next(iter(scores.items()))
            if chance is not None:
                chances[row] = chance
                cells.setdefault((answers.number(name), about[:LONGEST_NAME]), []).append(row)
        for cell, rows in cells.items():
            self._add(cell, np.array([chances[row] for row in rows]), columns.weights[rows], columns.signs[rows])
        if many:
            rows = list(many)
            self._add_many(np.array(list(many.values())), columns.weights[rows], columns.signs[rows])

    def values(self, answers: Answers) -> Values:
        """The metrics."""
        if answers.task is not Task.CLASSIFICATION:
            return {}
        positive = answers.positive
        if positive is None:
            count, weight, log = self._many
            return {"log_loss": -log / weight} if count > 0 and weight > 0 else {}
        yes, no = np.zeros(5), np.zeros(5)
        for (number, about), (count, sums) in self._sums.items():
            tells = _tells(about, positive, answers)
            # A class in which nothing is left has no weight, whatever rounding has left in the sums.
            if count > 0 and tells is not _Tells.NOTHING:
                part = _turned(sums) if tells is _Tells.NEGATIVE else sums
                if number == positive:
                    yes = yes + part
                else:
                    no = no + part
        weight = float(yes[0] + no[0])
        if weight <= 0:
            return {}
        values = {
            "log_loss": -float(yes[1] + no[2]) / weight,
            "brier_score_loss": max(0.0, float(yes[0] - 2 * yes[3] + yes[4] + no[4])) / weight,
        }
        area = self._area(positive, answers) if yes[0] > 0 and no[0] > 0 else None
        return values if area is None else {**values, "roc_auc_score": area}

    def _add_many(self, chance: FloatArray, weights: FloatArray, signs: Any) -> None:
        count, total, log = self._many
        clipped = np.clip(chance, _EPSILON, 1 - _EPSILON)
        count += int(signs.sum())
        self._many = (
            (count, total + float(weights.sum()), log + float(np.log(clipped) @ weights)) if count else (0, 0.0, 0.0)
        )

    def _add(self, cell: _Cell, chance: FloatArray, weights: FloatArray, signs: Any) -> None:
        count, sums = self._sums.get(cell, (0, np.zeros(5)))
        clipped = np.clip(chance, _EPSILON, 1 - _EPSILON)
        terms = np.stack([np.ones_like(chance), np.log(clipped), np.log1p(-clipped), chance, chance * chance])
        count += int(signs.sum())
        if count == 0:
            self._sums.pop(cell, None)
            self._bins.pop(cell, None)
            return
        self._sums[cell] = count, sums + terms @ weights
        bins = self._bins.setdefault(cell, {})
        added = np.bincount(np.searchsorted(_EDGES, chance, side="right"), weights)
        for at in np.flatnonzero(added).tolist():
            bins[at] = bins.get(at, 0.0) + float(added[at])

    def _area(self, positive: int, answers: Answers) -> float | None:
        yes, no = np.zeros(BINS), np.zeros(BINS)
        for (number, about), bins in self._bins.items():
            tells = _tells(about, positive, answers)
            if self._sums[number, about][0] > 0 and tells is not _Tells.NOTHING:
                target = yes if number == positive else no
                for at, weight in bins.items():
                    target[BINS - 1 - at if tells is _Tells.NEGATIVE else at] += weight
        below = np.cumsum(no) - no
        pairs = float(yes.sum() * no.sum())
        return min(1.0, max(0.0, float((yes * (below + 0.5 * no)).sum()) / pairs)) if pairs > 0 else None

    def state(self) -> Any:
        """Sums and occupied bins."""
        if not self._sums and not self._many[0]:
            return None
        rows = []
        for (number, about), (count, sums) in self._sums.items():
            bins = [part for at, weight in self._bins[number, about].items() for part in (at, compact(weight))]
            rows.append([number, count, sums.tolist(), bins, *([about] if about else [])])
        return [rows, list(self._many)]

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        rows, (count, weight, log) = state
        self._many = count, weight, log
        for number, events, sums, flat, *about in rows:
            cell = number, about[0] if about else _POSITIVE
            self._sums[cell] = events, np.array(sums)
            self._bins[cell] = dict(zip(flat[::2], map(float, flat[1::2]), strict=True))


class _Tells(enum.Enum):
    """Which class's probability a score is."""

    POSITIVE = enum.auto()
    NEGATIVE = enum.auto()
    #: The name that came with it is no class.
    NOTHING = enum.auto()


def _tells(about: str, positive: int, answers: Answers) -> _Tells:
    if about in (_POSITIVE, answers.positive_name):
        return _Tells.POSITIVE
    known = answers.known(about)
    if known is None:
        return _Tells.NOTHING
    return _Tells.POSITIVE if known == positive else _Tells.NEGATIVE


def _turned(sums: FloatArray) -> FloatArray:
    """The sums of p as those of 1 - p."""
    weight, log, other_log, chance, square = sums.tolist()
    return np.array([weight, other_log, log, weight - chance, weight - 2 * chance + square])
