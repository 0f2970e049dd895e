"""RecentErrors: the mean error of the last labels, in two windows that take turns."""

from __future__ import annotations

import copy

import msgspec

#: Labels of the recent mean: one to two times so many.
_RECENT = 250


class ErrorWindow(msgspec.Struct, array_like=True):
    """Labels, the sum of their errors, and the time of the first in ms."""

    labels: float = 0.0
    total: float = 0.0
    start_ms: float = 0.0


class RecentErrors:
    """Sums of the latest 250 to 500 errors.

    >>> recent = RecentErrors()
    >>> recent.update(labels=100, total=5.0, start_ms=1_000)
    >>> recent.update(labels=100, total=15.0, start_ms=2_000)
    >>> recent.mean, recent.start_ms
    (0.1, 1000)
    """

    def __init__(self) -> None:
        self._current = ErrorWindow()
        self._previous = ErrorWindow()

    def update(self, labels: float, total: float, start_ms: int) -> None:
        """Add a batch: its labels, the sum of their errors, the time of its first label."""
        if self._current.labels >= _RECENT:
            self._current, self._previous = ErrorWindow(), self._current
        if self._current.labels == 0:
            self._current.start_ms = float(start_ms)
        self._current.labels += labels
        self._current.total += total

    @property
    def labels(self) -> float:
        """How many labels are recent."""
        return self._current.labels + self._previous.labels

    @property
    def total(self) -> float:
        """The sum of their errors."""
        return self._current.total + self._previous.total

    @property
    def mean(self) -> float:
        """Their mean error; 0 before any."""
        return self.total / self.labels if self.labels else 0.0

    @property
    def start_ms(self) -> int:
        """The time of the first of them."""
        return int((self._previous if self._previous.labels else self._current).start_ms)

    def state(self) -> list[ErrorWindow]:
        """Both windows, copied, the running one first."""
        return [copy.copy(self._current), copy.copy(self._previous)]

    def restore(self, state: list[ErrorWindow]) -> None:
        """Continue from ``state``."""
        self._current, self._previous = (copy.copy(window) for window in state)
