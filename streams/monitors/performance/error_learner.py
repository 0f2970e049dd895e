"""Learns what is normal for a model's errors from its first labels, and whether the model classifies or measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from driftbell.streams.agreement import Task, agrees, number_of
from driftbell.streams.monitors.performance.error_reference import ErrorReference, absolute_error
from driftbell.streams.stats.task_finder import TaskFinder, TaskFinderState
from driftbell.streams.versioned import Array, Versioned

#: Errors beyond this many times the 99 % quantile of the reference count as much as that: one absurd value is no drift.
_CAP_FACTOR = 2.0


class ErrorLearnerState(Versioned, frozen=True, tag=2):
    """Counts of labels and wrong ones, the absolute errors of numbers, what had none, and what the values look like."""

    labels: int
    wrong: int
    errors: Array
    bad_labels: int
    unanswered: int
    finder: TaskFinderState

    @classmethod
    def lift(cls, plain: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """Before 2, values were not counted by kind: every pair stands for one value."""
        kept = {name: value for name, value in plain.items() if name not in {"whole", "classes"}}
        numbers = len(plain["errors"])
        bad = plain["labels"] - numbers
        classes = [float(value) for value in plain["classes"]] if plain["whole"] else [0.5]
        finder = TaskFinder()
        finder.update(["?"] * bad)
        finder.update([classes[at % len(classes)] for at in range(numbers)])
        return {**kept, "bad_labels": bad, "unanswered": 0, "finder": msgspec.to_builtins(finder.state())}


class ErrorLearner:
    """Takes labels until there are enough."""

    def __init__(self, task: Task | None) -> None:
        """``task``: as configured; None to find out."""
        self.configured = task
        self.labels = 0
        #: Labels that are no numbers: bad ones, if the model measures.
        self.bad_labels = 0
        self._wrong = 0
        #: Numbers answered by something that is none.
        self._unanswered = 0
        self._errors: list[float] = []
        self._finder = TaskFinder()

    def update(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Take (prediction, label) pairs."""
        for prediction, label in pairs:
            self._learn(prediction, label)
        self._finder.update([value for pair in pairs for value in pair])

    def _learn(self, prediction: Any, label: Any) -> None:
        self.labels += 1
        self._wrong += not agrees(prediction, label)
        error = absolute_error(prediction, label)
        if error is not None:
            self._errors.append(error)
        elif number_of(label) is None:
            self.bad_labels += 1
        else:
            self._unanswered += 1

    @property
    def task(self) -> Task:
        """As configured, else what most of the predictions and labels say."""
        return self.configured or self._finder.task

    def reference(self, tolerance: float) -> ErrorReference:
        """What was learned; ``tolerance`` as ``ErrorReference`` has it."""
        if self.task is Task.CLASSIFICATION or not self._errors:
            errors = np.zeros(self.labels)
            errors[: self._wrong] = 1.0
            return ErrorReference(Task.CLASSIFICATION, errors, tolerance)
        errors = np.array(self._errors)
        # No error in 99 % of the labels: there is no scale, and none is invented.
        cap = _CAP_FACTOR * float(np.quantile(errors, 0.99))
        scaled = np.minimum(errors, cap) / cap if cap > 0 else (errors > 0).astype(np.float64)
        return ErrorReference(Task.REGRESSION, np.append(scaled, np.ones(self._unanswered)), tolerance, cap)

    def state(self) -> ErrorLearnerState:
        """Everything that was learned, copied."""
        return ErrorLearnerState(
            labels=self.labels,
            wrong=self._wrong,
            errors=np.array(self._errors, np.float64),
            bad_labels=self.bad_labels,
            unanswered=self._unanswered,
            finder=self._finder.state(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = ErrorLearnerState.read(state)
        self.labels, self._wrong = saved.labels, saved.wrong
        self._errors = saved.errors.tolist()
        self.bad_labels, self._unanswered = saved.bad_labels, saved.unanswered
        self._finder.restore(saved.finder)
