"""Regression metrics of a window from running sums, by scikit-learn's names and definitions."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np

from driftbell.streams.agreement import Task
from driftbell.streams.batch import FloatArray
from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.family import LabelColumns, MetricFamily, Values

#: scikit-learn divides by no less than this in ``mean_absolute_percentage_error``.
_EPSILON: Final = float(np.finfo(np.float64).eps)
#: A variance below this share of the mean square is rounding.
_FLAT: Final = 1e-12


class Regression(MetricFamily):
    """``mean_absolute_error``, ``root_mean_squared_error``, ``mean_absolute_percentage_error``, ``r2_score``."""

    key: ClassVar[str] = "r"

    def __init__(self) -> None:
        self._count = 0
        #: Labels are summed as their distance from the first: squares of large labels would swallow the variance.
        self._shift = 0.0
        #: Sums of weight, |error|, error squared, |error / label|, label - shift, its square.
        self._sums: FloatArray = np.zeros(6)

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Add rows whose prediction and label are numbers."""
        if answers.task is Task.CLASSIFICATION and answers.settled:
            return
        rows, predicted, actual = columns.numeric()
        if not rows:
            return
        if self._count == 0:
            self._shift = float(actual[0])
        with np.errstate(over="ignore", invalid="ignore"):
            error, distance = np.abs(predicted - actual), actual - self._shift
            terms = np.stack(
                [
                    np.ones_like(error),
                    error,
                    error * error,
                    error / np.maximum(np.abs(actual), _EPSILON),
                    distance,
                    distance * distance,
                ]
            )
            self._sums = self._sums + terms @ columns.weights[rows]
        self._count += int(columns.signs[rows].sum())
        if self._count == 0:
            # Nothing is left, so nothing is what the sums must say, without the rounding.
            self._sums = np.zeros(6)

    def values(self, answers: Answers) -> Values:
        """The metrics."""
        weight, absolute, squared, relative, distance, square = self._sums.tolist()
        if answers.task is not Task.REGRESSION or self._count == 0 or weight <= 0:
            return {}
        values = {
            "mean_absolute_error": absolute / weight,
            "root_mean_squared_error": math.sqrt(max(squared, 0.0) / weight),
            "mean_absolute_percentage_error": relative / weight,
        }
        spread = square - distance * distance / weight
        if self._count >= 2 and spread > _FLAT * square:
            values["r2_score"] = 1.0 - squared / spread
        return values

    def state(self) -> Any:
        """The sums."""
        return None if self._count == 0 else [self._count, self._shift, self._sums.tolist()]

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        self._count, self._shift, sums = state
        self._sums = np.array(sums)
