"""ErrorReference: what is normal for a model's errors; it grows while all is quiet, so that its own error shrinks."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.streams.agreement import Task, agrees, float_of, number_of
from driftbell.streams.stats import upper_bound
from driftbell.streams.versioned import Versioned

#: Standard errors by which the mean error of the reference may be too low. At 2 the budget is kept 20 times over (a
#: reference that is lower still by half a standard error needs 100,000 labels to look like a change); 3 would double
#: the delay of small rises.
_REFERENCE_ERRORS = 2.0
#: Labels are admitted in blocks, and not before so many later ones have shown no change.
_BLOCK = 500
_QUARANTINE = 1000
#: Blocks that wait at most; older ones that stayed suspicious are let go.
_LONGEST_QUEUE = 32
#: The reference grows to so many times the labels it was learned from: 2 standard errors of 1,000 labels hide a rise
#: from 20 % to 22.5 %, of 10,000 labels one to 20.8 %.
_GROWTH = 10
#: Likelihood walks beyond this make labels since the walk's start suspicious.
SUSPICIOUS = 4.0
#: Larger numbers are taken for this, so that differences and means stay finite.
_LARGEST = 1e150
#: Numbers whose difference is this share of them or less are the same number, sent in another format.
_ROUNDING = 1e-12


class LabelBlock(msgspec.Struct, array_like=True):
    """Labels that wait for admission: how many, the sum of their errors, the sum of the squares."""

    labels: float = 0.0
    total: float = 0.0
    squares: float = 0.0


class ReferenceSums(msgspec.Struct, array_like=True):
    """What was admitted, as a block has it, and how many labels there may be."""

    labels: float
    total: float
    squares: float
    most: float


class ErrorReferenceState(Versioned, frozen=True):
    """The sums of the reference and the blocks that wait."""

    task: Task
    cap: float
    sums: ReferenceSums
    waiting: list[LabelBlock]


class ErrorReference:
    """Sums of errors on a scale from 0 to 1, where ``cap`` (in the label's unit) is 1 and classification has cap 1.

    A regression whose answers were exact in nearly all of the reference has no scale to measure errors by: its cap is 0, and
    every answer that is not exact is a full error.
    """

    def __init__(
        self, task: Task, errors: Sequence[float] | npt.NDArray[np.float64], tolerance: float, cap: float = 1.0
    ) -> None:
        """Learn from the first labels.

        Args:
            task: what an error is.
            errors: of the first labels, from 0 to 1.
            tolerance: by how much the mean may rise: a share of all answers, or of the mean absolute error.
            cap: the absolute error that counts as 1; 0 where any error does.
        """
        values = np.asarray(errors, np.float64)
        self.task = task
        self.cap = cap
        self.tolerance = tolerance
        self.labels = float(len(values))
        self._total = float(values.sum())
        self._squares = float((values * values).sum())
        self._most = _GROWTH * self.labels
        #: Oldest first; the last one is being filled.
        self._waiting: list[LabelBlock] = []

    @property
    def binary(self) -> bool:
        """Whether an error is 0 or 1, and nothing between."""
        return self.task is Task.CLASSIFICATION or self.cap == 0

    @property
    def mean(self) -> float:
        """The normal mean error, from 0 to 1."""
        return self._total / self.labels

    @property
    def tolerated(self) -> float:
        """The largest mean that raises no alarm, from 0 to 1."""
        if self.binary:
            return min(upper_bound(self._total, self.labels, _REFERENCE_ERRORS) + self.tolerance, 1.0)
        variance = max(self._squares / self.labels - self.mean**2, 0.0)
        margin = _REFERENCE_ERRORS * math.sqrt(variance / self.labels)
        return min(max(self.mean * (1 + self.tolerance) + margin, 1e-3), 0.95)

    def scaled(self, pairs: Sequence[tuple[Any, Any]]) -> npt.NDArray[np.float64]:
        """The errors of (prediction, label) pairs from 0 to 1, shape (n,).

        A prediction that is no number is a full error of a regression. Labels must be numbers then.
        """
        if self.task is Task.CLASSIFICATION:
            return np.array([0.0 if agrees(p, y) else 1.0 for p, y in pairs])
        return np.array([self._scaled(absolute_error(p, y)) for p, y in pairs])

    def _scaled(self, error: float | None) -> float:
        if error is None:
            return 1.0
        return min(error, self.cap) / self.cap if self.cap > 0 else float(error > 0)

    def offer(self, errors: npt.NDArray[np.float64], suspicious: float) -> bool:
        """Take quiet errors; True when the reference grew.

        Args:
            errors: from 0 to 1, shape (n,).
            suspicious: the latest so many labels may belong to a change; they and what waits behind them stay out.
        """
        if self.labels >= self._most:
            return False
        if not self._waiting or self._waiting[-1].labels >= _BLOCK:
            self._waiting.append(LabelBlock())
            del self._waiting[:-_LONGEST_QUEUE]
        block = self._waiting[-1]
        block.labels += float(len(errors))
        block.total += float(errors.sum())
        block.squares += float((errors * errors).sum())
        behind = sum(waiting.labels for waiting in self._waiting[1:])
        if behind < max(_QUARANTINE, suspicious):
            return False
        admitted = self._waiting.pop(0)
        self.labels += admitted.labels
        self._total += admitted.total
        self._squares += admitted.squares
        return True

    def doubt(self) -> None:
        """Forget what waits: an alarm was raised."""
        self._waiting = []

    def state(self) -> ErrorReferenceState:
        """Everything but the tolerance, which is configured; copied."""
        return ErrorReferenceState(
            task=self.task,
            cap=self.cap,
            sums=ReferenceSums(self.labels, self._total, self._squares, self._most),
            waiting=[copy.copy(block) for block in self._waiting],
        )

    @classmethod
    def restored(cls, state: object, tolerance: float) -> ErrorReference:
        """The reference that wrote ``state``."""
        saved = ErrorReferenceState.read(state)
        reference = cls(saved.task, [0.0], tolerance, saved.cap)
        sums = saved.sums
        reference.labels, reference._total, reference._squares = sums.labels, sums.total, sums.squares
        reference._most = sums.most
        reference._waiting = [copy.copy(block) for block in saved.waiting]
        return reference


def absolute_error(prediction: Any, label: Any) -> float | None:
    """The distance of two numbers, None where one is none. Differences that are mere rounding are none."""
    said, true = number_of(prediction), number_of(label)
    if said is None or true is None:
        return None
    left, right = _bounded(float_of(said)), _bounded(float_of(true))
    return 0.0 if math.isclose(left, right, rel_tol=_ROUNDING) else abs(left - right)


def _bounded(number: float) -> float:
    return min(max(number, -_LARGEST), _LARGEST)
