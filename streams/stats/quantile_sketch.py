"""Quantiles of a positive quantity (latency) in bounded memory, with a stated relative error."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from driftbell.streams.versioned import Array, Versioned

#: Largest relative error of a quantile between ``LOWEST`` and ``HIGHEST``.
RELATIVE_ERROR = 0.02
#: Milliseconds. What is below counts as LOWEST, what is above as HIGHEST: 1 microsecond to 28 hours.
LOWEST = 1e-3
HIGHEST = 1e8

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_OFFSET = math.floor(math.log(LOWEST) / _LOG_GAMMA)
_BINS = math.ceil(math.log(HIGHEST) / _LOG_GAMMA) - _OFFSET + 1
#: The counts of all sketches that are empty.
_EMPTY: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)


class SketchState(Versioned, frozen=True):
    """The occupied bins and their counts, shape (n,) each."""

    bins: Array
    counts: Array


class QuantileSketch:
    """Counts in logarithmic bins: DDSketch (Masson, Rim, Lee, VLDB 2019) over a fixed range, so memory is bounded.

    Only the bins from the first to the last occupied one are kept: a model's latencies fill a few dozen of the hundreds, and
    each model has several sketches.

    >>> sketch = QuantileSketch()
    >>> sketch.update(np.arange(1.0, 1001.0))
    >>> abs(sketch.quantile(0.95) / 950 - 1) < RELATIVE_ERROR
    True
    """

    __slots__ = ("_counts", "_first")

    def __init__(self) -> None:
        self._first = 0
        #: Of the bins from ``_first`` on.
        self._counts: npt.NDArray[np.uint32] = _EMPTY

    def __len__(self) -> int:
        return int(self._counts.sum())

    def update(self, values: npt.NDArray[np.float64]) -> None:
        """Count ``values``, shape (n,), none of them NaN."""
        clipped = np.minimum(np.maximum(values, LOWEST), HIGHEST)
        index = np.ceil(np.log(clipped) / _LOG_GAMMA).astype(np.int64) - _OFFSET
        if len(index):
            self._cover(int(index.min()), int(index.max()) + 1)
            self._counts += np.bincount(index - self._first, minlength=len(self._counts)).astype(np.uint32)

    def _cover(self, first: int, end: int) -> None:
        """Keep the bins from ``first`` to before ``end``, too."""
        kept = len(self._counts)
        if kept and self._first <= first and end <= self._first + kept:
            return
        if kept:
            first, end = min(first, self._first), max(end, self._first + kept)
        counts = np.zeros(end - first, np.uint32)
        counts[self._first - first : self._first - first + kept] = self._counts
        self._first, self._counts = first, counts

    def merge(self, other: QuantileSketch) -> None:
        """Add the counts of ``other``."""
        count = len(other._counts)
        if count:
            self._cover(other._first, other._first + count)
            start = other._first - self._first
            self._counts[start : start + count] += other._counts

    def quantile(self, share: float) -> float | None:
        """The value that ``share`` of the values do not exceed; None while empty."""
        total = len(self)
        if total == 0:
            return None
        rank = max(1, math.ceil(share * total))
        index = self._first + int(np.searchsorted(np.cumsum(self._counts), rank))
        return 2.0 * _GAMMA ** (index + _OFFSET) / (_GAMMA + 1.0)

    def clear(self) -> None:
        """Forget everything."""
        self._first, self._counts = 0, _EMPTY

    def state(self) -> SketchState:
        """The occupied bins only: latencies usually fill a few dozen."""
        used = np.flatnonzero(self._counts)
        return SketchState(bins=(used + self._first).astype(np.uint16), counts=self._counts[used])

    def restore(self, state: object) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: it has other bins.
        """
        saved = SketchState.read(state)
        self.clear()
        bins = np.asarray(saved.bins, dtype=np.int64)
        if not len(bins):
            return
        if bins.min() < 0 or bins.max() >= _BINS:
            raise ValueError(f"a sketch has {_BINS} bins, the state one from {bins.min()} to {bins.max()}")
        self._cover(int(bins.min()), int(bins.max()) + 1)
        self._counts[bins - self._first] = saved.counts
