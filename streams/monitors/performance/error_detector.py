"""The error detector port: each detector that can watch a model's errors, behind the same few verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import BernoulliESR, BoundedMeanESR, Restored, RiverDetector
from driftbell.streams.detectors.river.detector import BINARY
from driftbell.streams.monitors.performance.error_reference import SUSPICIOUS, ErrorReference
from driftbell.streams.monitors.performance.recent_errors import RecentErrors
from driftbell.streams.monitors.rates import RateAlarm
from driftbell.streams.versioned import Versioned

Errors = npt.NDArray[np.float64]

#: The calibrated detector: BernoulliESR where errors are 0 or 1, BoundedMeanESR for regression.
CALIBRATED = "e-SR"
#: An alarm supposes at least this many times the tolerated mean, so that recovery is a test between two levels.
_RAISED = 1.25


#: The e-detectors behind ``CalibratedErrors``.
D = TypeVar("D", bound=BernoulliESR | BoundedMeanESR)


class ErrorDetector(Protocol):
    """Decides whether errors between 0 and 1 became larger than their reference tolerates."""

    @property
    def name(self) -> str:
        """The detector that decides, as the evidence names it."""

    @property
    def calibrated(self) -> bool:
        """Whether it keeps the budget of false alarms."""

    def update(self, errors: Errors, recent: RecentErrors, start_ms: int) -> bool:
        """Take a batch, shape (n,), which ``recent`` holds already; whether there is an alarm now."""

    def alarm(self, recent: RecentErrors) -> RateAlarm:
        """What is known of the change that was just found."""

    def suspicious_labels(self) -> float:
        """How many of the latest labels may belong to a change."""

    def retarget(self) -> None:
        """Take what the reference tolerates now."""

    def reset(self) -> None:
        """Forget the evidence."""

    def state(self) -> Versioned:
        """Everything needed to continue."""

    def restore(self, state: object) -> Restored:
        """Continue from ``state``, and what became of it."""


def error_detector(
    chosen: str, parameters: Mapping[str, Any], reference: ErrorReference, events_per_false_alarm: float
) -> ErrorDetector:
    """The detector of that name (``CALIBRATED``, or River's with River's parameters) for the reference's task."""
    if chosen != CALIBRATED:
        return RiverErrors(RiverDetector(chosen, parameters), reference)
    if reference.binary:
        return BernoulliErrors(reference, events_per_false_alarm)
    return BoundedErrors(reference, events_per_false_alarm)


class CalibratedErrors(Generic[D]):
    """What the calibrated detectors share: one e-detector against the mean that the reference tolerates."""

    calibrated: ClassVar[bool] = True

    def __init__(self, reference: ErrorReference, detector: D) -> None:
        self._reference = reference
        self._detector = detector

    def suspicious_labels(self) -> float:
        """Those since the change point, once the walk is high."""
        if self._detector.evidence.walk(0) < SUSPICIOUS:
            return 0.0
        return float(self._detector.evidence.change_point(0)[1])

    def retarget(self) -> None:
        """Take what the reference tolerates now."""
        self._detector.retarget(self._reference.tolerated)

    def reset(self) -> None:
        """Forget the evidence."""
        self._detector.reset()

    def state(self) -> Versioned:
        """The detector's."""
        return self._detector.state()

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        self._detector.restore(state)
        return Restored.CONTINUED


class BernoulliErrors(CalibratedErrors[BernoulliESR]):
    """Wrong answers against the share that is tolerated."""

    name: ClassVar[str] = BernoulliESR.name

    def __init__(self, reference: ErrorReference, events_per_false_alarm: float) -> None:
        super().__init__(reference, BernoulliESR(reference.tolerated, events_per_false_alarm))

    def update(self, errors: Errors, recent: RecentErrors, start_ms: int) -> bool:
        """Only the sum of the errors matters."""
        self._detector.update(len(errors), errors.sum(), start_ms)
        return self._detector.drift_detected

    def alarm(self, recent: RecentErrors) -> RateAlarm:
        """Since the change point, which the evidence knows to the label."""
        start_ms, labels = self._detector.evidence.change_point(0)
        wrong = float(round(self._detector.successes(0)))
        return RateAlarm(start_ms, float(labels), wrong, self._detector.alternative(0))


class BoundedErrors(CalibratedErrors[BoundedMeanESR]):
    """Errors on a scale from 0 to 1 against the mean that is tolerated."""

    name: ClassVar[str] = BoundedMeanESR.name

    def __init__(self, reference: ErrorReference, events_per_false_alarm: float) -> None:
        super().__init__(reference, BoundedMeanESR(reference.tolerated, events_per_false_alarm))

    def update(self, errors: Errors, recent: RecentErrors, start_ms: int) -> bool:
        """Every error counts for itself."""
        self._detector.update(errors, start_ms)
        return self._detector.drift_detected

    def alarm(self, recent: RecentErrors) -> RateAlarm:
        """Since the change point, which the evidence knows to the batch; the level is that of the recent labels."""
        start_ms, labels = self._detector.evidence.change_point(0)
        alarm = _recent_alarm(recent, start_ms, self._reference)
        mean = self._detector.mean_since_change()
        if mean is not None:
            alarm.events, alarm.bad = float(labels), mean * labels
        return alarm


class RiverErrors:
    """One of River's detectors, which has no budget and no reference of its own."""

    calibrated: ClassVar[bool] = False

    def __init__(self, detector: RiverDetector, reference: ErrorReference) -> None:
        self._detector = detector
        self._reference = reference
        self._binary = detector.name in BINARY

    @property
    def name(self) -> str:
        """River's name."""
        return self._detector.name

    def update(self, errors: Errors, recent: RecentErrors, start_ms: int) -> bool:
        """One error after the other; an alarm counts only if the recent mean is above the reference's."""
        if self._binary:
            # Made for 0 and 1: a measured error is "wrong" when it is larger than the reference's mean.
            errors = (errors > self._reference.mean).astype(np.float64)
        detected = False
        for error in errors.tolist():
            self._detector.update(error)
            detected = detected or self._detector.drift_detected
        # River's detectors also see improvements; nobody is paged for these.
        return detected and recent.mean > self._reference.mean

    def alarm(self, recent: RecentErrors) -> RateAlarm:
        """The recent labels, as River does not say where the change began."""
        return _recent_alarm(recent, recent.start_ms, self._reference)

    def suspicious_labels(self) -> float:
        """None: River's detectors do not say."""
        return 0.0

    def retarget(self) -> None:
        """Nothing to do: it compares the stream with itself."""

    def reset(self) -> None:
        """Forget the evidence."""
        self._detector.reset()

    def state(self) -> Versioned:
        """The detector's."""
        return self._detector.state()

    def restore(self, state: object) -> Restored:
        """Continue from ``state``, or start fresh."""
        return self._detector.restore(state)


def _recent_alarm(recent: RecentErrors, start_ms: int, reference: ErrorReference) -> RateAlarm:
    level = max(recent.total / recent.labels, min(reference.tolerated * _RAISED, 1.0))
    return RateAlarm(start_ms, recent.labels, recent.total, level)
