"""Error rate: labels say that the model is wrong more often, or by more, than it used to be."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftbell.runtime.wording import count, percent, quantity, went
from driftbell.streams.agreement import Task
from driftbell.streams.batch import JoinedBatch
from driftbell.streams.detectors import RIVER_NAMES, Restored, RiverDetector
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.performance.bad_labels import BadLabels, BadLabelsState
from driftbell.streams.monitors.performance.error_detector import CALIBRATED
from driftbell.streams.monitors.performance.error_learner import ErrorLearner, ErrorLearnerState
from driftbell.streams.monitors.performance.error_reference import ErrorReference
from driftbell.streams.monitors.performance.error_watch import ErrorWatch, ErrorWatchState
from driftbell.streams.monitors.rates import RateAlarm, RateFinding
from driftbell.streams.versioned import Versioned


class ErrorRateReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    ERROR_RATE_ROSE = "error_rate_rose"
    ABSOLUTE_ERROR_ROSE = "absolute_error_rose"
    INEXACT_RATE_ROSE = "inexact_rate_rose"
    LABELS_NOT_NUMBERS = "labels_not_numbers"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is said of an error that rose."""

    alertname: str
    metric: str
    what: str
    reason: ErrorRateReason


#: By task, and whether errors are 0 or 1.
_KINDS = {
    (Task.CLASSIFICATION, True): _Kind("ErrorRateHigh", "error_rate", "error rate", ErrorRateReason.ERROR_RATE_ROSE),
    (Task.REGRESSION, True): _Kind(
        "AbsoluteErrorHigh", "inexact_rate", "share of inexact answers", ErrorRateReason.INEXACT_RATE_ROSE
    ),
    (Task.REGRESSION, False): _Kind(
        "AbsoluteErrorHigh", "mean_absolute_error", "mean absolute error", ErrorRateReason.ABSOLUTE_ERROR_ROSE
    ),
}
#: The part of the budget that a regression's bad labels have.
_BAD_LABELS_SHARE = 0.1


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
    bad_labels: BadLabelsState | None = None


class ErrorRate(BaseMonitor[ErrorOptions]):
    """The share of wrong answers (classification) or the absolute error (regression) against that of the first labels.

    Every statement of a label counts once, in the order in which it was learned; an amendment is one more statement.
    Predictions that failed have no error of this kind. Labels of a regression that are no numbers are bad labels: they are
    left out of the error and watched as a share of their own. Where the answers of the reference were exact, so that there is
    no scale for errors, the share of inexact answers is watched instead.
    """

    name = "error_rate"
    reasons = ErrorRateReason
    family = Family.PERFORMANCE
    severity = "critical"
    options_type = ErrorOptions

    def __init__(self, context: Context[ErrorOptions]) -> None:
        super().__init__(context)
        configured = context.settings.task
        self._learner = ErrorLearner(None if configured == "auto" else Task(configured))
        self._watch: ErrorWatch | None = None
        #: Only of a regression, once its reference is learned.
        self._bad_labels: BadLabels | None = None

    def on_labels(self, batch: JoinedBatch) -> None:
        """Take the batch's labels."""
        answered = [event for event in batch.events if event.prediction is not None]
        if not answered:
            return
        pairs = [(event.prediction, event.label) for event in answered]
        if self._watch is not None:
            start_ms = min(event.predicted_ms for event in answered)
            if self._bad_labels is not None:
                pairs = self._bad_labels.taken_out(pairs, start_ms)
                if not pairs:
                    return
            self._watch.update(self._watch.reference.scaled(pairs), start_ms)
            return
        self._learner.update(pairs)
        if self._learner.labels >= self.context.settings.reference.labels:
            self._watch = self._watching(self._learner.reference(self.context.options.tolerance))
            if self._watch.reference.task is Task.REGRESSION:
                budget = self.context.events_per_false_alarm / _BAD_LABELS_SHARE
                self._bad_labels = BadLabels(self._learner.labels, self._learner.bad_labels, budget)
            self._learner = ErrorLearner(self._learner.configured)

    def _watching(self, reference: ErrorReference) -> ErrorWatch:
        options, budget = self.context.options, self.context.events_per_false_alarm
        if reference.task is Task.REGRESSION:
            budget /= 1 - _BAD_LABELS_SHARE
        return ErrorWatch(reference, options.detector, options.parameters, budget)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most two conditions: of the error, and of bad labels."""
        found: list[Condition] = []
        if self._watch is not None and self._watch.alarm is not None:
            found.append(self._condition(self._watch, self._watch.alarm))
        if self._bad_labels is not None:
            found += [self._bad(finding, self._bad_labels.example) for finding in self._bad_labels.findings()]
        return found

    def _condition(self, watch: ErrorWatch, alarm: RateAlarm) -> Condition:
        reference, detector = watch.reference, watch.detector
        scale = 1.0 if reference.binary else reference.cap
        value, mean = alarm.rate * scale, reference.mean * scale
        kind = _KINDS[reference.task, reference.binary]
        events = round(alarm.events)
        return Condition(
            alertname=kind.alertname,
            family=self.family,
            severity=self.context.severity,
            reason=kind.reason.value,
            metric=kind.metric,
            summary=f"{kind.what} {went(mean, value, percent if reference.binary else quantity)}, {count(events, 'labels')}",
            value=value,
            baseline=mean,
            threshold=reference.tolerated * scale,
            window_events=events,
            window_start_ms=alarm.start_ms,
            change_point_ms=alarm.start_ms,
            detector=detector.name,
            calibrated=detector.calibrated,
        )

    def _bad(self, finding: RateFinding, example: str) -> Condition:
        return Condition(
            alertname="BadLabels",
            family=self.family,
            severity="warning",
            reason=ErrorRateReason.LABELS_NOT_NUMBERS.value,
            metric="bad_label_rate",
            summary=(
                f"share of labels that are no numbers {went(finding.baseline, finding.rate, percent)} "
                f"in {count(finding.events, 'labels')}, the latest {example!r}; they are left out of the error"
            ),
            value=finding.rate,
            baseline=finding.baseline,
            threshold=finding.tolerated,
            window_events=finding.events,
            window_start_ms=finding.start_ms,
            change_point_ms=finding.start_ms,
            detector="bernoulli-e-SR",
        )

    def state(self) -> ErrorRateState:
        """Everything needed to continue, copied."""
        if self._watch is not None:
            bad = None if self._bad_labels is None else self._bad_labels.state()
            return ErrorRateState(watch=self._watch.state(), bad_labels=bad)
        return ErrorRateState(learner=self._learner.state())

    def restore(self, state: object) -> Restored:
        """Continue from ``state``. Under another detector the baseline is kept and the detector starts fresh."""
        saved = ErrorRateState.read(state)
        if saved.watch is not None:
            reference = ErrorReference.restored(saved.watch.reference, self.context.options.tolerance)
            self._watch = self._watching(reference)
            if reference.task is Task.REGRESSION:
                budget = self.context.events_per_false_alarm / _BAD_LABELS_SHARE
                if saved.bad_labels is not None:
                    self._bad_labels = BadLabels.restored(saved.bad_labels, budget)
                else:
                    # Older states know of no bad labels: they counted as errors.
                    self._bad_labels = BadLabels(self.context.settings.reference.labels, 0, budget)
            return self._watch.restore(saved.watch)
        if saved.learner is not None:
            self._learner.restore(saved.learner)
        return Restored.CONTINUED
