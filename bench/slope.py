"""The slope of a series over time, by least squares, with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Slope:
    """Change per second, its standard error, and the series' mean, smallest and largest value."""

    per_second: float
    error: float
    mean: float
    smallest: float
    largest: float

    def exceeds(self, limit: float) -> bool:
        """Whether the series rises faster than ``limit`` per second, beyond two standard errors of doubt."""
        return self.per_second - 2 * self.error > limit


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Fit a line; needs three points that are not all at the same time.

    The error is that of independent residuals; samples ten seconds apart are nearly so. Where they are not the true error
    is larger, so that ``Slope.exceeds`` errs on the strict side.
    """
    x, y = np.asarray(seconds, np.float64), np.asarray(values, np.float64)
    centred = x - x.mean()
    spread = float(centred @ centred)
    rise = float(centred @ (y - y.mean())) / spread
    residuals = y - y.mean() - rise * centred
    error = float(np.sqrt(residuals @ residuals / max(1, len(x) - 2) / spread))
    return Slope(rise, error, float(y.mean()), float(y.min()), float(y.max()))
