"""What a model answered in a window, with or without labels. The names are fairlearn's."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np

from driftbell.streams.agreement import Task, class_name, float_of, number_of
from driftbell.streams.windows.answers import OTHER, Answers
from driftbell.streams.windows.family import MetricFamily, PredictionColumns, Values


class PredictionSummary(MetricFamily):
    """``selection_rate`` (share of positive answers of a binary classifier) or ``mean_prediction`` (regression)."""

    key: ClassVar[str] = "o"

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()
        self._numbers = 0
        self._sum = 0.0

    def on_predictions(self, columns: PredictionColumns, answers: Answers) -> None:
        """Count by class, and add up numbers."""
        given = [answer for answer in columns.answers if answer is not None]
        kinds = set(map(type, given))
        if not answers.measures:
            for answer, count in Counter(given).items():
                self._classes[answers.number(class_name(answer))] += count
        if kinds & {int, float} or answers.task is Task.REGRESSION:
            stated = [number for answer in given if (number := number_of(answer)) is not None]
            numbers = np.array([float_of(number) for number in stated], np.float64)
            self._numbers += len(numbers)
            with np.errstate(over="ignore"):
                self._sum += float(numbers.sum())

    def values(self, answers: Answers) -> Values:
        """The one that fits the task."""
        if answers.task is Task.REGRESSION:
            return {"mean_prediction": self._sum / self._numbers} if self._numbers else {}
        positive, total = answers.positive, self._classes.total()
        if not total:
            return {}
        values = {} if positive is None else {"selection_rate": self._classes[positive] / total}
        if self._classes[OTHER]:
            values["other_class_rate"] = self._classes[OTHER] / total
        return values

    def state(self) -> Any:
        """Sum, and counts by class."""
        if not self._numbers and not self._classes:
            return None
        return [self._numbers, self._sum, [[number, count] for number, count in self._classes.items()]]

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        self._numbers, self._sum, classes = state
        self._classes = Counter(dict(classes))
