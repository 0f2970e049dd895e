"""Classification metrics of a window from its confusion matrix, by scikit-learn's names and definitions.

Where scikit-learn warns that a metric is undefined and takes zero, it is left out here (its ``zero_division=nan``):
precision of a class that was never predicted is not bad, it is unknown.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar, Final

import numpy as np

from driftbell.streams.agreement import Task, class_name
from driftbell.streams.batch import FloatArray
from driftbell.streams.stats.finite_sum import finite_sum
from driftbell.streams.windows.answers import OTHER, Answers
from driftbell.streams.windows.family import LabelColumns, MetricFamily, Values, compact

#: A spread below this share of the largest possible is rounding.
_FLAT: Final = 1e-12


class Classification(MetricFamily):
    """Accuracy, precision, recall, F1, balanced accuracy and Matthews' correlation, by scikit-learn's names.

    Precision, recall and F1 are those of the positive class of a binary classifier, else the plain mean over classes.
    """

    key: ClassVar[str] = "c"

    def __init__(self) -> None:
        #: (label's class, prediction's class) -> events and weight; and the same of events that agree.
        self._cells: dict[tuple[int, int], tuple[int, float]] = {}
        self._right = (0, 0.0)

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Count pairs of classes."""
        if answers.measures:
            return
        pairs = zip(columns.labels, columns.predictions, strict=True)
        if columns.uniform:
            for (label, prediction), count in Counter(pairs).items():
                self._add(class_name(label), class_name(prediction), count, float(count), answers)
            return
        for (label, prediction), sign, weight in zip(
            pairs, columns.signs.tolist(), columns.weights.tolist(), strict=True
        ):
            self._add(class_name(label), class_name(prediction), sign, weight, answers)

    def _add(self, true: str, said: str, count: int, weight: float, answers: Answers) -> None:
        cell = answers.number(true), answers.number(said)
        added = _added(self._cells.get(cell, (0, 0.0)), count, weight)
        if added[0]:
            self._cells[cell] = added
        else:
            self._cells.pop(cell, None)
        if said == true:
            self._right = _added(self._right, count, weight)

    def values(self, answers: Answers) -> Values:
        """The metrics."""
        cells = {cell: weight for cell, (count, weight) in self._cells.items() if count > 0}
        total = finite_sum(cells.values())
        if answers.task is not Task.CLASSIFICATION or not total or total < 0:
            return {}
        values = {"accuracy_score": self._right[1] / total}
        other = finite_sum([weight for cell, weight in cells.items() if OTHER in cell])
        if other:
            values["other_class_label_rate"] = other / total
        classes = sorted({number for cell in cells for number in cell})
        matrix = np.zeros((len(classes), len(classes)))
        # Below one in all, so that no square of it overflows; by a power of two, so that no bit is lost.
        scale = math.ldexp(1.0, -max(math.frexp(total)[1], -1000))
        for (true, said), weight in cells.items():
            matrix[classes.index(true), classes.index(said)] = weight * scale
        return values | _whole(matrix) | self._by_class(matrix, classes, answers)

    def _by_class(self, matrix: FloatArray, classes: list[int], answers: Answers) -> Values:
        right = np.diag(matrix)
        said, true = matrix.sum(axis=0), matrix.sum(axis=1)
        scores = {"precision_score": (right, said), "recall_score": (right, true), "f1_score": (2 * right, said + true)}
        positive = answers.positive
        if positive is not None:
            if positive not in classes:
                return {}
            at = classes.index(positive)
            return {name: float(part[at] / of[at]) for name, (part, of) in scores.items() if of[at] > 0}
        if len(classes) < 2:
            # One class only: it may yet turn out to be the negative one.
            return {}
        return {
            name: float(np.mean(part[of > 0] / of[of > 0])) for name, (part, of) in scores.items() if (of > 0).any()
        }

    def state(self) -> Any:
        """The cells."""
        cells = [[*cell, count, compact(weight)] for cell, (count, weight) in self._cells.items()]
        return [list(self._right), cells] if cells else None

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        (count, weight), cells = state
        self._right = count, weight
        self._cells = {(true, said): (count, float(weight)) for true, said, count, weight in cells}


def _whole(matrix: FloatArray) -> Values:
    """Metrics of the whole matrix, rows by label and columns by prediction."""
    total, right = matrix.sum(), np.trace(matrix)
    said, true = matrix.sum(axis=0), matrix.sum(axis=1)
    values = {"balanced_accuracy_score": float(np.mean(np.diag(matrix)[true > 0] / true[true > 0]))}
    # Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient", as scikit-learn.
    spread = (total**2 - (said**2).sum()) * (total**2 - (true**2).sum())
    if spread > _FLAT * total**4:
        values["matthews_corrcoef"] = float((right * total - (said * true).sum()) / math.sqrt(spread))
    return values


def _added(cell: tuple[int, float], count: int, weight: float) -> tuple[int, float]:
    count += cell[0]
    # Without events there is no weight, whatever rounding has left.
    return count, cell[1] + weight if count else 0.0
