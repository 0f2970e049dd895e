"""Error rate: labels say that the model is wrong more often, or by more, than it used to be."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from driftbell.streams.agreement import Task
from driftbell.streams.batch import JoinedBatch
from driftbell.streams.detectors import RIVER_NAMES, Restored, RiverDetector
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.performance.error_detector import CALIBRATED
from driftbell.streams.monitors.performance.error_learner import ErrorLearner, ErrorLearnerState
from driftbell.streams.monitors.performance.error_reference import ErrorReference
from driftbell.streams.monitors.performance.error_watch import ErrorWatch, ErrorWatchState
from driftbell.streams.monitors.wording import count, percent, quantity
from driftbell.streams.versioned import Versioned


class ErrorRateReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    ERROR_RATE_ROSE = "error_rate_rose"
    ABSOLUTE_ERROR_ROSE = "absolute_error_rose"


class ErrorOptions(Options, frozen=True):
    """Options of the error rate."""

    #: "e-SR" (calibrated), or one of River's: ADWIN, DDM, EDDM, FHDDM, HDDM_A, HDDM_W, KSWIN, PageHinkley.
    detector: str = CALIBRATED
    #: River's parameters by River's names.
    parameters: dict[str, Any] = {}
    #: By how much the error may rise above the reference's: share of all answers, or share of the mean absolute error.
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError where the detector or a parameter is unknown."""
        known = (CALIBRATED, *RIVER_NAMES)
        if self.detector not in known:
            raise ValueError(f"unknown detector {self.detector!r}; known: {', '.join(known)}")
        if self.detector != CALIBRATED:
            RiverDetector(self.detector, self.parameters)
        elif self.parameters:
            raise ValueError(f"{CALIBRATED} has no parameters: the budget sets its threshold")


class ErrorRateState(Versioned, frozen=True):
    """What is learned until there are enough labels, what watches from then on."""

    learner: ErrorLearnerState | None = None
    watch: ErrorWatchState | None = None


class ErrorRate(BaseMonitor[ErrorOptions]):
    """The share of wrong answers (classification) or the absolute error (regression) against that of the first labels.

    Every statement of a label counts once, in the order in which it was learned; an amendment is one more statement.
    Predictions that failed have no error of this kind.
    """

    name = "error_rate"
    family = Family.PERFORMANCE
    severity = "critical"
    options_type = ErrorOptions

    def __init__(self, context: Context[ErrorOptions]) -> None:
        super().__init__(context)
        configured = context.settings.task
        self._learner = ErrorLearner(None if configured == "auto" else Task(configured))
        self._watch: ErrorWatch | None = None

    def on_labels(self, batch: JoinedBatch) -> None:
        """Take the batch's labels."""
        answered = [event for event in batch.events if event.prediction is not None]
        if not answered:
            return
        pairs = [(event.prediction, event.label) for event in answered]
        if self._watch is not None:
            start_ms = min(event.predicted_ms for event in answered)
            self._watch.update(self._watch.reference.scaled(pairs), start_ms)
            return
        self._learner.update(pairs)
        if self._learner.labels >= self.context.settings.reference.labels:
            self._watch = self._watching(self._learner.reference(self.context.options.tolerance))
            self._learner = ErrorLearner(self._learner.configured)

    def _watching(self, reference: ErrorReference) -> ErrorWatch:
        options = self.context.options
        return ErrorWatch(reference, options.detector, options.parameters, self.context.events_per_false_alarm)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        if self._watch is None or self._watch.alarm is None:
            return ()
        alarm, reference, detector = self._watch.alarm, self._watch.reference, self._watch.detector
        value, mean = alarm.rate * reference.cap, reference.mean * reference.cap
        classifies = reference.task is Task.CLASSIFICATION
        events = round(alarm.events)
        show = percent if classifies else quantity
        what = "error rate" if classifies else "mean absolute error"
        return [
            Condition(
                alertname="ErrorRateHigh" if classifies else "AbsoluteErrorHigh",
                family=self.family,
                severity=self.context.severity,
                reason=(ErrorRateReason.ERROR_RATE_ROSE if classifies else ErrorRateReason.ABSOLUTE_ERROR_ROSE).value,
                metric="error_rate" if classifies else "mean_absolute_error",
                summary=f"{what} rose from {show(mean)} to {show(value)}, {count(events, 'labels')}",
                value=value,
                baseline=mean,
                threshold=reference.tolerated * reference.cap,
                window_events=events,
                window_start_ms=alarm.start_ms,
                change_point_ms=alarm.start_ms,
                detector=detector.name,
                calibrated=detector.calibrated,
            )
        ]

    def state(self) -> ErrorRateState:
        """Everything needed to continue, copied."""
        if self._watch is not None:
            return ErrorRateState(watch=self._watch.state())
        return ErrorRateState(learner=self._learner.state())

    def restore(self, state: object) -> Restored:
        """Continue from ``state``. Under another detector the baseline is kept and the detector starts fresh."""
        saved = ErrorRateState.read(state)
        if saved.watch is not None:
            reference = ErrorReference.restored(saved.watch.reference, self.context.options.tolerance)
            self._watch = self._watching(reference)
            return self._watch.restore(saved.watch)
        if saved.learner is not None:
            self._learner.restore(saved.learner)
        return Restored.CONTINUED
