"""Feature drift: the distribution of a feature is no longer the reference's."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from driftbell.schemas import FeatureShift
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Options
from driftbell.streams.monitors.drift.shift_condition import shift_condition
from driftbell.streams.monitors.drift.shifts import Shifts, ShiftsState
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.versioned import Versioned

#: Natural logarithm: below this much evidence a feature has not visibly moved (a quiet one stays below in all but 1 of
#: 20,000 looks).
_WORTH_SHOWING = 10.0


class FeatureDriftReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    DISTRIBUTION_MOVED = "distribution_moved"


class DriftOptions(Options, frozen=True):
    """Options of the drift monitors."""

    #: Most conditions at once; when more features move the first ones are reported, with the number of all in the
    #: sentence.
    max_conditions: int = 20
    #: Events after which a shift that stayed becomes normal: the reference is relearned. 0 means never.
    relearn_after: int = 0


class FeatureDriftState(Versioned, frozen=True):
    """What compares with the reference, once there is one."""

    shifts: ShiftsState | None = None


class FeatureDrift(BaseMonitor[DriftOptions]):
    """Location, spread and mix of every watched feature against the reference."""

    name = "feature_drift"
    reasons = FeatureDriftReason
    family = Family.DRIFT
    options_type = DriftOptions
    referenced = True
    _shifts: Shifts | None = None

    def _begin(self) -> Shifts:
        self._shifts = Shifts(self.context.reference.features, self.context.events_per_false_alarm)
        return self._shifts

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Compare the batch with the reference."""
        if not self.context.reference.ready:
            return
        shifts = self._shifts or self._begin()
        columns = self.context.reference.columns(batch)
        if columns is not None:
            shifts.update(columns)

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

    @property
    def outlived(self) -> bool:
        """Whether a shift stayed for ``relearn_after`` events."""
        limit, shifts = self.context.options.relearn_after, self._shifts
        return limit > 0 and shifts is not None and any(alarm.events >= limit for alarm in shifts.alarms.values())

    def movers(self, limit: int) -> list[FeatureShift]:
        """The features that moved most, by evidence; those that did not visibly move are left out."""
        shifts = self._shifts
        if shifts is None:
            return []
        moved = [found for found in shifts.evidence() if found[1] >= _WORTH_SHOWING]
        moved.sort(key=lambda found: (-found[1], found[0]))
        return [
            FeatureShift(
                feature=shifts.profiles.profiles[row].name,
                evidence=round(evidence, 2),
                psi=shifts.psi_of(row),
                since_ms=start_ms,
            )
            for row, evidence, start_ms in moved[:limit]
        ]

    def state(self) -> FeatureDriftState:
        """Everything needed to continue, copied."""
        return FeatureDriftState(shifts=self._shifts.state() if self._shifts else None)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = FeatureDriftState.read(state)
        if saved.shifts is not None:
            self._begin().restore(saved.shifts)
        return Restored.CONTINUED
