"""What the monitors that compare a distribution with the reference share."""

from __future__ import annotations

from typing import TypeVar

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Options
from driftbell.streams.monitors.drift.shifts import Shifts, ShiftsState
from driftbell.streams.monitors.monitor import Family
from driftbell.streams.reference import Columns, Profiles
from driftbell.streams.versioned import Versioned


class ShiftOptions(Options, frozen=True):
    """Options of every drift monitor."""

    #: Events after which a shift that stayed becomes normal: the reference is relearned. 0 means never.
    relearn_after: int = 0


class DriftState(Versioned, frozen=True):
    """What compares with the reference, once there is one."""

    shifts: ShiftsState | None = None


O = TypeVar("O", bound=ShiftOptions)  # noqa: E741


class DriftMonitor(BaseMonitor[O]):
    """Compares batches with the reference as soon as there is one. A subclass says which columns, and tells what moved."""

    family = Family.DRIFT
    referenced = True
    _shifts: Shifts | None = None

    def _profiles(self) -> Profiles:
        """What was learned of the columns; asked once the reference is ready."""
        raise NotImplementedError

    def _columns(self, batch: PredictionBatch) -> Columns | None:
        """The batch in the terms of the profiles, None where it holds nothing to compare."""
        raise NotImplementedError

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Compare the batch with the reference."""
        if not self.context.reference.ready:
            return
        shifts = self._shifts or self._begin()
        columns = self._columns(batch)
        if columns is not None:
            shifts.update(columns)

    @property
    def outlived(self) -> bool:
        """Whether a shift stayed for ``relearn_after`` events."""
        limit, shifts = self.context.options.relearn_after, self._shifts
        return limit > 0 and shifts is not None and any(alarm.events >= limit for alarm in shifts.alarms.values())

    def state(self) -> DriftState:
        """Everything needed to continue, copied."""
        return DriftState(shifts=self._shifts.state() if self._shifts else None)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = DriftState.read(state)
        if saved.shifts is not None:
            self._begin().restore(saved.shifts)
        return Restored.CONTINUED

    def _begin(self) -> Shifts:
        self._shifts = Shifts(self._profiles(), self.context.events_per_false_alarm)
        return self._shifts
