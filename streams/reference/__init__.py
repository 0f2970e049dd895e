"""What a subject looked like when all was well, and how a batch compares with it."""

from __future__ import annotations

from driftbell.streams.reference.columns import Columns
from driftbell.streams.reference.profile import Categories, Caveat, Kind, Numbers, Profile, Profiles, Unwatched
from driftbell.streams.reference.reference import PREDICTION, Reference

__all__ = [
    "PREDICTION",
    "Categories",
    "Caveat",
    "Columns",
    "Kind",
    "Numbers",
    "Profile",
    "Profiles",
    "Reference",
    "Unwatched",
]
