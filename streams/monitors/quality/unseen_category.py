"""Unseen category: values that the reference does not know."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from driftbell.streams.monitors.quality.feature_rates import FeatureRates
from driftbell.streams.reference import Columns, Kind, Profile


class UnseenCategoryReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    UNSEEN_CATEGORY_RATE_ROSE = "unseen_category_rate_rose"


class UnseenCategory(FeatureRates):
    """Share of texts outside the reference's categories, of all texts.

    New categories are to be expected at the rate at which the reference met some only once (Good & Turing 1953).
    """

    name = "unseen_category"
    reasons = UnseenCategoryReason
    alertname = "UnseenCategory"
    metric = "unseen_category_rate"
    reason = UnseenCategoryReason.UNSEEN_CATEGORY_RATE_ROSE
    phrase = "rate of unseen categories"

    def concerns(self, profile: Profile) -> bool:
        """Only texts can be unseen, where all that were seen are known; a boolean has no third value.

        Of more categories than were counted, the known ones are known by luck, and new ones are nothing new.
        """
        return profile.kind is Kind.TEXT and profile.categories is not None and profile.categories.complete

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Values of the reference, and those that a reference of the same size would not have known."""
        known = profile.categories
        # Older references know the names they kept, and no others.
        unknown = 0 if known is None else known.singletons + (known.other if known.known is None else 0)
        return profile.present, min(unknown, profile.present)

    def none_counts(self, columns: Columns) -> bool:
        """Whether all texts are known."""
        return columns.all_known

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Values and unseen values of the batch."""
        return columns.present, columns.unseen
