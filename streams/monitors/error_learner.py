"""Learns what is normal for a model's errors from its first labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.monitors.agreement import Task, agrees, is_number
from streams.stats import upper_bound

#: Standard errors by which the reference's own mean may be too low.
_REFERENCE_ERRORS = 3.0
#: Whole numbers of at most so many values are classes.
_MOST_CLASSES = 20
#: Errors beyond this many times the 99 % quantile of the reference count as much as that: one absurd value is no drift.
_CAP_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class ErrorBaseline:
    """The errors of the reference."""

    task: Task
    labels: int
    #: Mean error: the share of wrong answers, or the mean absolute error (clipped at ``cap``, in the label's unit).
    mean: float
    #: What the mean may be without anybody being told, same unit.
    tolerated: float
    #: For regression, the absolute error at which the scale ends; 1.0 for classification.
    cap: float = 1.0

    def scaled(self, pairs: Sequence[tuple[Any, Any]]) -> npt.NDArray[np.float64]:
        """The errors of (prediction, label) pairs from 0 to 1, shape (n,).

        A pair that is not of the task's type is a full error.
        """
        if self.task is Task.CLASSIFICATION:
            return np.array([0.0 if agrees(p, y) else 1.0 for p, y in pairs])
        cap = self.cap
        return np.array(
            [min(absolute_error(p, y), cap) / cap if is_number(p) and is_number(y) else 1.0 for p, y in pairs]
        )


class ErrorLearner:
    """Takes labels until there are enough, then says what the baseline is."""

    def __init__(self, task: Task | None) -> None:
        """``task``: as configured; None to find out."""
        self.configured = task
        self.labels = 0
        self._wrong = 0
        self._errors: list[float] = []
        self._whole = True
        self._classes: set[float] = set()

    def update(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Take (prediction, label) pairs."""
        for prediction, label in pairs:
            self._learn(prediction, label)

    def _learn(self, prediction: Any, label: Any) -> None:
        self.labels += 1
        self._wrong += not agrees(prediction, label)
        if not (is_number(prediction) and is_number(label)):
            return
        self._errors.append(absolute_error(prediction, label))
        for value in (prediction, label):
            self._whole = self._whole and float_of(value).is_integer()
            if len(self._classes) <= _MOST_CLASSES:
                self._classes.add(float_of(value))

    @property
    def task(self) -> Task:
        """Numbers are measured unless they are a few whole ones; everything else is classified."""
        if self.configured is not None:
            return self.configured
        if len(self._errors) < self.labels:
            return Task.CLASSIFICATION
        few = self._whole and len(self._classes) <= _MOST_CLASSES
        return Task.CLASSIFICATION if few else Task.REGRESSION

    def baseline(self, tolerance: float) -> ErrorBaseline:
        """``tolerance``: by how much the error may rise, as a share (of all answers, or of the mean absolute error)."""
        if self.task is Task.CLASSIFICATION or not self._errors:
            mean = self._wrong / self.labels
            tolerated = upper_bound(self._wrong, self.labels, _REFERENCE_ERRORS) + tolerance
            return ErrorBaseline(Task.CLASSIFICATION, self.labels, mean, min(tolerated, 0.95))
        errors = np.array(self._errors)
        cap = _CAP_FACTOR * float(np.quantile(errors, 0.99)) or 1.0
        clipped = np.minimum(errors, cap)
        mean = float(clipped.mean())
        margin = _REFERENCE_ERRORS * float(clipped.std()) / math.sqrt(len(clipped))
        tolerated = max(mean * (1 + tolerance) + margin, cap * 1e-3)
        return ErrorBaseline(Task.REGRESSION, self.labels, mean, min(tolerated, 0.95 * cap), cap)

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return {
            "labels": self.labels,
            "wrong": self._wrong,
            "errors": np.array(self._errors, np.float64),
            "whole": self._whole,
            "classes": sorted(self._classes),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self.labels = state["labels"]
        self._wrong = state["wrong"]
        self._errors = [float(error) for error in state["errors"]]
        self._whole = state["whole"]
        self._classes = set(state["classes"])


#: Larger numbers are taken for this, so that differences and means stay finite.
_LARGEST = 1e150


def float_of(value: Any) -> float:
    """A number as a float of bounded size."""
    try:
        return min(max(float(value), -_LARGEST), _LARGEST)
    except OverflowError:
        return _LARGEST if value > 0 else -_LARGEST


def absolute_error(prediction: Any, label: Any) -> float:
    """The distance of two numbers."""
    return abs(float_of(prediction) - float_of(label))
