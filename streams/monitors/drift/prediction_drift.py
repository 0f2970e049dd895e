"""Prediction drift: the answers of the model are no longer distributed as in the reference."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.drift.drift_monitor import DriftMonitor, ShiftOptions
from driftbell.streams.monitors.drift.shift_condition import shift_condition
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.reference import Columns, Profiles


class PredictionDriftReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    PREDICTIONS_MOVED = "predictions_moved"


class PredictionDrift(DriftMonitor[ShiftOptions]):
    """The distribution of predictions that did not fail: classes, or the place and spread of numbers."""

    name = "prediction_drift"
    reasons = PredictionDriftReason
    options_type = ShiftOptions

    def _profiles(self) -> Profiles:
        return self.context.reference.prediction

    def _columns(self, batch: PredictionBatch) -> Columns | None:
        return self.context.reference.predictions(batch)

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
