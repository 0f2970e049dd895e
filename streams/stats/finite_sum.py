"""Exact sums that say when they are too large, instead of raising."""

from __future__ import annotations

import math
from collections.abc import Collection


def finite_sum(values: Collection[float]) -> float | None:
    """The sum, correctly rounded (Shewchuk 1997, as ``math.fsum``); None where it, or a value, is not finite.

    ``math.fsum`` raises OverflowError when a partial sum overflows, and ValueError on infinities of both signs.

    >>> finite_sum([1e16, 1.0, -1e16])
    1.0
    >>> finite_sum([1.7e308, 1.7e308]) is None
    True
    """
    try:
        total = math.fsum(values)
    except (OverflowError, ValueError):
        return None
    return total if math.isfinite(total) else None
