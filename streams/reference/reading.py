"""Raw values of a column to numbers, texts and truths, never raising on what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.schemas import FeatureValue

#: How the two booleans are named as categories.
TRUTH = {True: "true", False: "false"}
#: Texts are distinguished by so many first characters; a category name is never longer, and state must stay small.
TEXT_LENGTH = 64

#: One step below the largest float32, so that the next float above any value is finite.
_LARGEST = float(np.nextafter(np.finfo(np.float32).max, np.float32(0)))
_PLAIN = frozenset({int, float})
_PLAIN_OR_MISSING = frozenset({int, float, type(None)})


def floats_of(column: Sequence[FeatureValue], types: set[type[Any]]) -> tuple[npt.NDArray[np.float64], int]:
    """The numbers of a column, NaN where there is none, and how many values are neither numbers nor missing."""
    wrong = 0
    if not types <= _PLAIN:
        if types <= _PLAIN_OR_MISSING:
            column = [np.nan if value is None else value for value in column]
        else:
            usable = [value if type(value) in _PLAIN else None for value in column]
            wrong = usable.count(None) - column.count(None)
            column = [np.nan if value is None else value for value in usable]
    try:
        values = np.fromiter(column, np.float64, len(column))
    except OverflowError:
        values = np.array([_finite(value) for value in column])
    return values, wrong


def rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """As float32: binning needs no more, and reference and stream are rounded alike.

    What float32 cannot hold becomes nearly its largest value.
    """
    # A third of the time of ``np.clip``, which matters for small batches.
    return np.minimum(np.maximum(values, -_LARGEST), _LARGEST).astype(np.float32)


def relative(values: npt.NDArray[np.float64], base: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The distance of values from a finite ``base``, as float32.

    What is further away than float32 can hold, or even float64, becomes nearly its largest value.

    >>> relative(np.array([1e308]), -1e308).tolist() == rounded(np.array([np.inf])).tolist()
    True
    """
    with np.errstate(over="ignore"):
        return rounded(values - base)


def relative_number(value: float, base: float) -> float:
    """The same of one finite number, not yet rounded to float32.

    >>> relative_number(1e308, -1e308) == float(relative(np.array([1e308]), -1e308)[0])
    True
    """
    return min(max(value - base, -_LARGEST), _LARGEST)


def texts_of(column: Sequence[FeatureValue]) -> list[str]:
    """The texts of a column in order."""
    return [value for value in column if type(value) is str]


def shortened(text: str) -> str:
    """The text as a category name."""
    return text if len(text) <= TEXT_LENGTH else text[:TEXT_LENGTH]


def _finite(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return _LARGEST if value > 0 else -_LARGEST
