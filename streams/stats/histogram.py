"""A histogram that is only counted: what Prometheus needs to know, kept by those that must not know Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Self


class Distribution:
    """How many observations fell below each bound, and their sum. Its size never changes.

    Args:
        bounds: upper bounds of the buckets, inclusive and ascending, in the unit of what is observed.

    >>> seconds = Distribution([0.1, 1.0])
    >>> for value in (0.05, 0.5, 0.7, 30.0):
    ...     seconds.observe(value)
    >>> list(seconds.buckets())
    [(0.1, 1), (1.0, 3), (inf, 4)]
    """

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self._counts)

    def observe(self, value: float, times: int = 1) -> None:
        """Count an observation that was made ``times`` times."""
        self._counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def update(self, other: Self) -> None:
        """Add what another distribution with the same bounds has counted."""
        assert other.bounds == self.bounds
        self._counts = [mine + theirs for mine, theirs in zip(self._counts, other._counts, strict=True)]
        self.sum += other.sum

    def copy(self) -> Distribution:
        """A distribution of its own with the same counts."""
        made = Distribution(self.bounds)
        made.update(self)
        return made

    def buckets(self) -> Iterator[tuple[float, int]]:
        """(upper bound, observations up to it), the last for infinity: cumulative, as Prometheus counts."""
        total = 0
        for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
            total += count
            yield bound, total
