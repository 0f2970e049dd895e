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


class SketchState(Versioned, frozen=True):
    """The occupied bins and their counts, shape (n,) each."""

    bins: Array
    counts: Array


class QuantileSketch:
    """Counts in logarithmic bins: DDSketch (Masson, Rim, Lee, VLDB 2019) over a fixed range, so memory is constant.

    >>> sketch = QuantileSketch()
    >>> sketch.update(np.arange(1.0, 1001.0))
    >>> abs(sketch.quantile(0.95) / 950 - 1) < RELATIVE_ERROR
    True
    """

    def __init__(self) -> None:
        self._counts: npt.NDArray[np.uint32] = np.zeros(_BINS, dtype=np.uint32)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def update(self, values: npt.NDArray[np.float64]) -> None:
        """Count ``values``, shape (n,), none of them NaN."""
        clipped = np.clip(values, LOWEST, HIGHEST)
        index = np.ceil(np.log(clipped) / _LOG_GAMMA).astype(np.int64) - _OFFSET
        self._counts += np.bincount(index, minlength=_BINS).astype(np.uint32)

    def merge(self, other: QuantileSketch) -> None:
        """Add the counts of ``other``."""
        self._counts += other._counts

    def quantile(self, share: float) -> float | None:
        """The value that ``share`` of the values do not exceed; None while empty."""
        total = len(self)
        if total == 0:
            return None
        rank = max(1, math.ceil(share * total))
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        return 2.0 * _GAMMA ** (index + _OFFSET) / (_GAMMA + 1.0)

    def clear(self) -> None:
        """Forget everything."""
        self._counts[:] = 0

    def state(self) -> SketchState:
        """The occupied bins only: latencies usually fill a few dozen."""
        used = np.flatnonzero(self._counts)
        return SketchState(bins=used.astype(np.uint16), counts=self._counts[used])

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = SketchState.read(state)
        self._counts[:] = 0
        self._counts[np.asarray(saved.bins, dtype=np.int64)] = saved.counts
