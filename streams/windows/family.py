"""A family of metrics: the counters of one window for one concern, one family per file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from driftbell.streams.agreement import float_of, number_of
from driftbell.streams.batch import FloatArray, IntArray, Label
from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.scores import Probabilities
from driftbell.streams.windows.uncounted import Uncounted

#: Metric name to value; a metric that is undefined in the window is not there.
Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """Predictions of one window, shape (n,) each."""

    #: None where there is none.
    answers: Sequence[float | int | str | bool | None]
    failures: int
    #: Of those that report one.
    latency_ms: FloatArray

    def __len__(self) -> int:
        return len(self.answers)


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Labelled predictions of one window, shape (n,) each.

    An amendment is two rows: the old label taken out (``sign`` -1 and the old weight negated), the new one put in.
    Predictions without an answer are left out.
    """

    predictions: Sequence[float | int | str | bool]
    #: Probabilities by ``class_name``, or of the positive class; None where there are none.
    scores: Sequence[Probabilities]
    labels: Sequence[Label]
    weights: FloatArray
    signs: IntArray
    #: Predictions that got their first label, with or without an answer.
    firsts: int
    #: Labels put in that are no numbers, and scores that are no probabilities.
    not_numbers: int
    uncounted: Counter[Uncounted]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def uniform(self) -> bool:
        """Whether all rows are put in with weight 1, so that they may be counted by value."""
        return bool((self.signs == 1).all() and (self.weights == 1).all())

    def numeric(self) -> tuple[list[int], FloatArray, FloatArray]:
        """The rows whose prediction and label are numbers, with these."""
        rows: list[int] = []
        predictions: list[float] = []
        labels: list[float] = []
        for row, (prediction, label) in enumerate(zip(self.predictions, self.labels, strict=True)):
            said, true = number_of(prediction), number_of(label)
            if said is not None and true is not None:
                rows.append(row)
                predictions.append(float_of(said))
                labels.append(float_of(true))
        return rows, np.array(predictions, np.float64), np.array(labels, np.float64)


def compact(number: float) -> float:
    """The same number, as an integer where that takes fewer bytes."""
    return int(number) if abs(number) < 2**32 and number.is_integer() else number


class MetricFamily:
    """Counters of one window, linear in the weights: taking an event out is adding it with negative weight.

    A new family is a file and a line in ``driftbell.streams.windows.families``.
    """

    #: Key in the stored window: short, and for ever.
    key: ClassVar[str]

    def on_predictions(self, columns: PredictionColumns, answers: Answers) -> None:
        """Count predictions."""

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Count labels, and take back amended ones."""

    def values(self, answers: Answers) -> Values:
        """The metrics of the window; values that are not finite are dropped by the caller."""
        return {}

    def seal(self) -> None:
        """The window is over: shrink what only predictions change. Later predictions may be left out of it."""

    def state(self) -> Any:
        """Plain data, None while there is nothing to remember."""
        return None

    def restore(self, state: Any) -> None:
        """Continue from ``state``, which is not None."""
