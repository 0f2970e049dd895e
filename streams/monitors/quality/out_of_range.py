"""Out of range: numbers below the smallest or above the largest value of the reference."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from driftbell.streams.monitors.quality.feature_rates import FeatureRates
from driftbell.streams.reference import Columns, Profile


class OutOfRangeReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    OUT_OF_RANGE_RATE_ROSE = "out_of_range_rate_rose"


class OutOfRange(FeatureRates):
    """Share of numbers outside the learned range, of all numbers.

    A further value of the same distribution falls outside the range of n values with probability 2 / (n + 1), whatever
    the distribution: that is the reference's own rate.
    """

    name = "out_of_range"
    reasons = OutOfRangeReason
    alertname = "OutOfRange"
    metric = "out_of_range_rate"
    reason = OutOfRangeReason.OUT_OF_RANGE_RATE_ROSE
    phrase = "out-of-range rate"

    def concerns(self, profile: Profile) -> bool:
        """Numbers that are compared at all."""
        return profile.numbers is not None

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Values of the reference; two of them are its ends."""
        return profile.present, 2

    def none_counts(self, columns: Columns) -> bool:
        """Whether all numbers are within the range."""
        return not columns.outside.any()

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Values of the batch and those in the outer bins."""
        outside = np.zeros_like(columns.missing)
        outside[columns.numeric_rows] = columns.outside
        return columns.present, outside
