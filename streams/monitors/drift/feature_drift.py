"""Feature drift: the distribution of a feature is no longer the reference's."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from driftbell.schemas import FeatureShift
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.drift.drift_monitor import DriftMonitor, ShiftOptions
from driftbell.streams.monitors.drift.shift_condition import shift_condition
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.reference import Columns, Profiles

#: Natural logarithm: below this much evidence a feature has not visibly moved (a quiet one stays below in all but 1 of
#: 20,000 looks).
_WORTH_SHOWING = 10.0


class FeatureDriftReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    DISTRIBUTION_MOVED = "distribution_moved"


class DriftOptions(ShiftOptions, frozen=True):
    """Options of the feature drift."""

    #: Most conditions at once; when more features move the first ones are reported, with the number of all in the
    #: sentence.
    max_conditions: int = 20


class FeatureDrift(DriftMonitor[DriftOptions]):
    """Location, spread and mix of every watched feature against the reference."""

    name = "feature_drift"
    reasons = FeatureDriftReason
    options_type = DriftOptions

    def _profiles(self) -> Profiles:
        return self.context.reference.features

    def _columns(self, batch: PredictionBatch) -> Columns | None:
        return self.context.reference.columns(batch)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """One condition per feature that moved."""
        shifts = self._shifts
        if shifts is None or not shifts.alarms:
            return ()
        limit = self.context.options.max_conditions
        more = len(shifts.alarms) - limit
        return [
            shift_condition(
                shifts,
                row,
                alarm,
                alertname="FeatureDrift",
                severity=self.context.severity,
                reason=FeatureDriftReason.DISTRIBUTION_MOVED.value,
                labels={"feature": shifts.profiles.profiles[row].name},
                more=more,
            )
            for row, alarm in list(shifts.alarms.items())[:limit]
        ]

    def movers(self, limit: int) -> list[FeatureShift]:
        """The features that moved most, by evidence; those that did not visibly move are left out."""
        shifts = self._shifts
        if shifts is None:
            return []
        moved = sorted(shifts.evidence(_WORTH_SHOWING), key=lambda found: (-found[1], found[0]))
        return [
            FeatureShift(
                feature=shifts.profiles.profiles[row].name,
                evidence=round(evidence, 2),
                psi=shifts.psi_of(row),
                since_ms=start_ms,
            )
            for row, evidence, start_ms in moved[:limit]
        ]
