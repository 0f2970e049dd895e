"""ErrorWatch: the errors of learned labels against their baseline, with the detector that was chosen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.performance.error_detector import error_detector
from driftbell.streams.monitors.performance.error_reference import ErrorReference, ErrorReferenceState
from driftbell.streams.monitors.performance.recent_errors import ErrorWindow, RecentErrors
from driftbell.streams.monitors.rates import RateAlarm
from driftbell.streams.versioned import Versioned


class ErrorWatchState(Versioned, frozen=True):
    """The baseline, the alarm while there is one, the recent errors, and the detector under its name."""

    reference: ErrorReferenceState
    chosen: str
    #: Of the detector's own kind.
    detector: Any
    recent: list[ErrorWindow]
    alarm: RateAlarm | None = None


class ErrorWatch:
    """From the reference on: detector, recent errors, and the alarm while there is one."""

    def __init__(
        self, reference: ErrorReference, chosen: str, parameters: Mapping[str, Any], events_per_false_alarm: float
    ) -> None:
        """``chosen``: ``CALIBRATED`` or a name of River's, with River's ``parameters``."""
        self.reference = reference
        self.chosen = chosen
        self.detector = error_detector(chosen, parameters, reference, events_per_false_alarm)
        self.alarm: RateAlarm | None = None
        self._recent = RecentErrors()

    def update(self, errors: npt.NDArray[np.float64], start_ms: int) -> None:
        """Take a batch of errors between 0 and 1, shape (n,)."""
        labels, total = float(len(errors)), float(errors.sum())
        self._recent.update(labels, total, start_ms)
        detected = self.detector.update(errors, self._recent, start_ms)
        if self.alarm is not None:
            if self.alarm.recovered(labels, total, self.reference.tolerated):
                self.alarm = None
                self.detector.reset()
        elif detected:
            self.alarm = self.detector.alarm(self._recent)
            self.reference.doubt()
        elif self.reference.offer(errors, self.detector.suspicious_labels()):
            self.detector.retarget()

    def state(self) -> ErrorWatchState:
        """Everything needed to continue, copied."""
        return ErrorWatchState(
            reference=self.reference.state(),
            chosen=self.chosen,
            detector=self.detector.state(),
            recent=self._recent.state(),
            alarm=copy.copy(self.alarm),
        )

    def restore(self, state: object) -> Restored:
        """Continue from ``state``, but for its reference, which the constructor takes; what became of the detector.

        Where the detector cannot go on it starts fresh, and an alarm of the baseline is kept.
        """
        saved = ErrorWatchState.read(state)
        self._recent.restore(saved.recent)
        self.alarm = copy.copy(saved.alarm)
        if saved.chosen != self.chosen:
            return Restored.OTHER_DETECTOR
        return self.detector.restore(saved.detector)
