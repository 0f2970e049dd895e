"""Missing: a feature is absent or null more often than in the reference."""

from __future__ import annotations

import enum
from collections import Counter

import numpy as np
import numpy.typing as npt

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import Context
from driftbell.streams.monitors.quality.feature_rates import FeatureRates, FeatureRatesState, RateOptions
from driftbell.streams.monitors.rates import RateFinding
from driftbell.streams.reference import Columns, Profile

#: New names that are worth a look, and how much of each is shown.
_MOST_HINTS = 3
_LONGEST_HINT = 40


class MissingReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    MISSING_RATE_ROSE = "missing_rate_rose"


class MissingState(FeatureRatesState, frozen=True):
    """The rates, and by missing feature what it may be called now."""

    hints: dict[str, str] = {}


class Missing(FeatureRates):
    """Share of events without a value, of all events that carry features."""

    name = "missing"
    reasons = MissingReason
    alertname = "MissingValues"
    metric = "missing_rate"
    reason = MissingReason.MISSING_RATE_ROSE
    phrase = "missing rate"

    def __init__(self, context: Context[RateOptions]) -> None:
        super().__init__(context)
        #: By feature: names that were new in the batch in which it went missing.
        self._hints: dict[str, str] = {}

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count the batch; when a feature goes missing, look for what it may be called now."""
        super().on_predictions(batch)
        missing = {self.profile(finding.row).name for finding in self.findings()}
        for name in self._hints.keys() - missing:
            del self._hints[name]
        for name in missing - self._hints.keys():
            self._hints[name] = self._new_names(batch)

    def _new_names(self, batch: PredictionBatch) -> str:
        reference = self.context.reference
        known = {profile.name for profile in reference.features.profiles} | reference.ignored
        seen = Counter(name for event in batch.events for name in event.features if name not in known)
        names = sorted(seen, key=lambda name: (-seen[name], name))[:_MOST_HINTS]
        return ", ".join(repr(name[:_LONGEST_HINT]) for name in names)

    def remark(self, finding: RateFinding) -> str:
        """New names, if any: a missing feature often was renamed."""
        hint = self._hints.get(self.profile(finding.row).name)
        return f"; new in the same events: {hint}" if hint else ""

    def concerns(self, profile: Profile) -> bool:
        """Every feature can be missing."""
        return True

    def learned(self, profile: Profile) -> tuple[float, float]:
        """Events and missing values of the reference."""
        return profile.events, profile.missing

    def none_counts(self, columns: Columns) -> bool:
        """No value is missing."""
        return True

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Events and missing values of the batch."""
        return np.full_like(columns.missing, columns.events), columns.missing

    def state(self) -> MissingState:
        """Everything needed to continue, copied."""
        return MissingState(rates=super().state().rates, hints=dict(self._hints))

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = MissingState.read(state)
        self._hints = dict(saved.hints)
        return super().restore(saved)
