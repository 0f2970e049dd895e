"""Prediction drift: the answers of the model are no longer distributed as in the reference."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Options
from driftbell.streams.monitors.drift.shift_condition import shift_condition
from driftbell.streams.monitors.drift.shifts import Shifts, ShiftsState
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.versioned import Versioned


class PredictionDriftReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    PREDICTIONS_MOVED = "predictions_moved"


class PredictionOptions(Options, frozen=True):
    """Options of the prediction drift."""

    #: Events after which a shift that stayed becomes normal: the reference is relearned. 0 means never.
    relearn_after: int = 0


class PredictionDriftState(Versioned, frozen=True):
    """What compares with the reference, once there is one."""

    shifts: ShiftsState | None = None


class PredictionDrift(BaseMonitor[PredictionOptions]):
    """The distribution of predictions that did not fail: classes, or the place and spread of numbers."""

    name = "prediction_drift"
    reasons = PredictionDriftReason
    family = Family.DRIFT
    options_type = PredictionOptions
    referenced = True
    _shifts: Shifts | None = None

    def _begin(self) -> Shifts:
        self._shifts = Shifts(self.context.reference.prediction, self.context.events_per_false_alarm)
        return self._shifts

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Compare the batch with the reference."""
        if not self.context.reference.ready:
            return
        shifts = self._shifts or self._begin()
        columns = self.context.reference.predictions(batch)
        if columns is not None:
            shifts.update(columns)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        shifts = self._shifts
        if shifts is None or not shifts.alarms:
            return ()
        return [
            shift_condition(
                shifts,
                row,
                alarm,
                alertname="PredictionDrift",
                severity=self.context.severity,
                reason=PredictionDriftReason.PREDICTIONS_MOVED.value,
                labels={},
            )
            for row, alarm in shifts.alarms.items()
        ]

    @property
    def outlived(self) -> bool:
        """Whether a shift stayed for ``relearn_after`` events."""
        limit, shifts = self.context.options.relearn_after, self._shifts
        return limit > 0 and shifts is not None and any(alarm.events >= limit for alarm in shifts.alarms.values())

    def state(self) -> PredictionDriftState:
        """Everything needed to continue, copied."""
        return PredictionDriftState(shifts=self._shifts.state() if self._shifts else None)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = PredictionDriftState.read(state)
        if saved.shifts is not None:
            self._begin().restore(saved.shifts)
        return Restored.CONTINUED
