"""Wrong type: a feature holds values of another type than in the reference, such as a number sent as text."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from driftbell.streams.monitors.quality.feature_rates import FeatureRates
from driftbell.streams.reference import Columns, Profile


class WrongTypeReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    WRONG_TYPE_RATE_ROSE = "wrong_type_rate_rose"


class WrongType(FeatureRates):
    """Share of values of another type, of all values present.

    Integers and floats are one type; booleans are no numbers.
    """

    name = "wrong_type"
    reasons = WrongTypeReason
    alertname = "WrongType"
    metric = "wrong_type_rate"
    reason = WrongTypeReason.WRONG_TYPE_RATE_ROSE
    phrase = "wrong-type rate"

    def concerns(self, profile: Profile) -> bool:
        """A feature that never had a value has no type."""
        return profile.present > 0

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Values and wrong values of the reference."""
        return profile.events - profile.missing, profile.wrong

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Values and wrong values of the batch."""
        return columns.events - columns.missing, columns.wrong
