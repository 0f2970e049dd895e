"""Missing: a feature is absent or null more often than in the reference."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from streams.monitors.feature_rates import FeatureRates
from streams.reference import Columns, Profile


class Reason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    MISSING_RATE_ROSE = "missing_rate_rose"


class Missing(FeatureRates):
    """Share of events without a value, of all events that carry features."""

    name = "missing"
    alertname = "MissingValues"
    metric = "missing_rate"
    reason = Reason.MISSING_RATE_ROSE
    phrase = "missing rate"

    def concerns(self, profile: Profile) -> bool:
        """Every feature can be missing."""
        return True

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Events and missing values of the reference."""
        return profile.events, profile.missing

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Events and missing values of the batch."""
        return np.full_like(columns.missing, columns.events), columns.missing
