"""Learns what is normal for a model's errors from its first labels, and whether the model classifies or measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftbell.streams.agreement import Task, agrees, is_number
from driftbell.streams.monitors.performance.error_reference import ErrorReference, absolute_error, float_of
from driftbell.streams.versioned import Array, Versioned

#: Whole numbers of at most so many values are classes.
_MOST_CLASSES = 20
#: Errors beyond this many times the 99 % quantile of the reference count as much as that: one absurd value is no drift.
_CAP_FACTOR = 2.0


class ErrorLearnerState(Versioned, frozen=True):
    """Counts of labels and wrong ones, the absolute errors of numbers, and what the numbers look like."""

    labels: int
    wrong: int
    errors: Array
    whole: bool
    classes: list[float]


class ErrorLearner:
    """Takes labels until there are enough."""

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

    def reference(self, tolerance: float) -> ErrorReference:
        """What was learned; ``tolerance`` as ``ErrorReference`` has it."""
        if self.task is Task.CLASSIFICATION or not self._errors:
            errors = np.zeros(self.labels)
            errors[: self._wrong] = 1.0
            return ErrorReference(Task.CLASSIFICATION, errors, tolerance)
        errors = np.array(self._errors)
        cap = _CAP_FACTOR * float(np.quantile(errors, 0.99)) or 1.0
        return ErrorReference(Task.REGRESSION, np.minimum(errors, cap) / cap, tolerance, cap)

    def state(self) -> ErrorLearnerState:
        """Everything that was learned, copied."""
        return ErrorLearnerState(
            labels=self.labels,
            wrong=self._wrong,
            errors=np.array(self._errors, np.float64),
            whole=self._whole,
            classes=sorted(self._classes),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = ErrorLearnerState.read(state)
        self.labels, self._wrong = saved.labels, saved.wrong
        self._errors = saved.errors.tolist()
        self._whole = saved.whole
        self._classes = set(saved.classes)
