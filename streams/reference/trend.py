"""Recognises columns that only ever grow (or fall): counters, timestamps, consecutive ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

#: A column is monotonic when it moved at least so often, and this share of its steps went in one direction ...
_STEPS = 20
_MONOTONIC = 0.995
#: ... or, as events overtake each other, when blocks of it hardly overlap: so many blocks, of at least so many values, whose
#: middle lies beyond all but this share of the block before, in this share of the steps.
_BLOCKS, _BLOCK_VALUES = 20, 20
_OVERLAP = 0.05
_CLEAR = 0.9


def monotonic(values: Values) -> bool:
    """Whether the values, in stream order and exact enough to tell neighbours apart, only ever grow (or fall)."""
    # Compared, not subtracted: the difference of two extremes need not be finite.
    rises, falls = int((values[1:] > values[:-1]).sum()), int((values[1:] < values[:-1]).sum())
    # Standing still is allowed: a date stays the same all day.
    if rises + falls >= _STEPS and max(rises, falls) >= _MONOTONIC * (rises + falls):
        return True
    return _blocks_apart(values)


def _blocks_apart(values: Values) -> bool:
    count = min(_BLOCKS, len(values) // _BLOCK_VALUES)
    if count < 5:
        return False
    blocks = values[: len(values) // count * count].reshape(count, -1)
    low, middle, high = np.quantile(blocks, (_OVERLAP, 0.5, 1 - _OVERLAP), axis=1)
    up = (middle[1:] > high[:-1]) & (low[1:] > middle[:-1])
    down = (middle[1:] < low[:-1]) & (high[1:] < middle[:-1])
    return max(int(up.sum()), int(down.sum())) >= _CLEAR * (count - 1)
