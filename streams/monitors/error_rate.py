"""Error rate: labels say that the model is wrong more often, or by more, than it used to be."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.batch import JoinedBatch
from streams.detectors import RIVER_NAMES, BernoulliESR, BoundedMeanESR, Restored, RiverDetector
from streams.detectors.river_detector import BINARY
from streams.monitor import Condition, Family, State
from streams.monitors.agreement import Task
from streams.monitors.base import BaseMonitor, Context, Options
from streams.monitors.error_learner import ErrorBaseline, ErrorLearner, errors_of
from streams.monitors.rates import RateAlarm
from streams.monitors.wording import count, percent, quantity

#: The calibrated detector: BernoulliESR for classification, BoundedMeanESR for regression.
CALIBRATED = "e-SR"
#: Labels of the recent mean: one to two times so many.
_RECENT = 250


class Reason(enum.StrEnum):
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
        known = (CALIBRATED, *RIVER_NAMES)
        if self.detector not in known:
            raise ValueError(f"unknown detector {self.detector!r}; known: {', '.join(known)}")
        if self.detector == CALIBRATED:
            if self.parameters:
                raise ValueError(f"{CALIBRATED} has no parameters: the budget sets its threshold")
        else:
            RiverDetector(self.detector, self.parameters)


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
        self._reset()

    def _reset(self) -> None:
        configured = self.context.settings.task
        self._learner: ErrorLearner | None = ErrorLearner(None if configured == "auto" else Task(configured))
        self._baseline: ErrorBaseline | None = None
        self._detector: BernoulliESR | BoundedMeanESR | RiverDetector | None = None
        self._alarm: RateAlarm | None = None
        #: [labels, sum of errors, start in ms] of the running and the previous recent window.
        self._recent: list[list[float]] = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
        #: Why a saved River detector could not be continued, if so.
        self.restored: Restored | None = None

    def joined(self, batch: JoinedBatch) -> None:
        """Take the batch's labels."""
        pairs = [(e.prediction, e.label) for e in batch.events if e.prediction is not None]
        if not pairs:
            return
        if self._learner is not None:
            for prediction, label in pairs:
                self._learner.update(prediction, label)
            if self._learner.labels >= self.context.settings.reference.labels:
                self._begin(self._learner.baseline(self.context.options.tolerance))
            return
        assert self._baseline is not None
        values = errors_of(self._baseline, pairs)
        self._take(values, min(e.predicted_ms for e in batch.events))

    def _begin(self, baseline: ErrorBaseline) -> None:
        self._learner = None
        self._baseline = baseline
        options = self.context.options
        budget = self.context.events_per_false_alarm
        tolerated = baseline.tolerated / baseline.cap
        if options.detector != CALIBRATED:
            self._detector = RiverDetector(options.detector, options.parameters)
        elif baseline.task is Task.CLASSIFICATION:
            self._detector = BernoulliESR(tolerated, budget)
        else:
            self._detector = BoundedMeanESR(tolerated, budget)

    def _take(self, values: npt.NDArray[np.float64], start_ms: int) -> None:
        assert self._baseline is not None
        tolerated = self._baseline.tolerated / self._baseline.cap
        n, bad = float(len(values)), float(values.sum())
        self._remember(n, bad, start_ms)
        detected = self._detect(values, start_ms)
        if self._alarm is not None:
            if self._alarm.recovered(n, bad, tolerated):
                self._alarm = None
                assert self._detector is not None
                self._detector.reset()
        elif detected:
            self._alarm = self._raised(tolerated)

    def _remember(self, n: float, bad: float, start_ms: int) -> None:
        if self._recent[0][0] >= _RECENT:
            self._recent = [[0.0, 0.0, 0.0], self._recent[0]]
        if self._recent[0][0] == 0:
            self._recent[0][2] = float(start_ms)
        self._recent[0][0] += n
        self._recent[0][1] += bad

    def _detect(self, values: npt.NDArray[np.float64], start_ms: int) -> bool:
        detector = self._detector
        if isinstance(detector, BernoulliESR):
            detector.update(len(values), values.sum(), start_ms)
            return detector.drift_detected
        if isinstance(detector, BoundedMeanESR):
            detector.update(values, start_ms)
            return detector.drift_detected
        assert isinstance(detector, RiverDetector)
        assert self._baseline is not None
        if detector.name in BINARY:
            # Made for 0 and 1: a measured error is "wrong" when it is larger than the reference's mean.
            values = (values > self._baseline.mean / self._baseline.cap).astype(np.float64)
        detected = False
        for value in values.tolist():
            detector.update(value)
            detected = detected or detector.drift_detected
        # River's detectors also see improvements; nobody is paged for these.
        return detected and self._recent_mean > self._baseline.mean / self._baseline.cap

    @property
    def _recent_mean(self) -> float:
        n = self._recent[0][0] + self._recent[1][0]
        return (self._recent[0][1] + self._recent[1][1]) / n if n else 0.0

    def _raised(self, tolerated: float) -> RateAlarm:
        detector = self._detector
        if isinstance(detector, BernoulliESR):
            start_ms, events = detector.evidence.change_point(0)
            return RateAlarm(start_ms, float(events), detector.successes(0), detector.alternative(0))
        current, previous = self._recent
        n, bad = current[0] + previous[0], current[1] + previous[1]
        start_ms = int(previous[2] if previous[0] else current[2])
        return RateAlarm(start_ms, n, bad, max(bad / n, tolerated * 1.25))

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        alarm, baseline, detector = self._alarm, self._baseline, self._detector
        if alarm is None or baseline is None or detector is None:
            return ()
        value = alarm.rate * baseline.cap
        classifies = baseline.task is Task.CLASSIFICATION
        events = round(alarm.events)
        show = percent if classifies else quantity
        what = "error rate" if classifies else "mean absolute error"
        return [
            Condition(
                alertname="ErrorRateHigh" if classifies else "AbsoluteErrorHigh",
                family=self.family,
                severity=self.context.severity,
                reason=(Reason.ERROR_RATE_ROSE if classifies else Reason.ABSOLUTE_ERROR_ROSE).value,
                metric="error_rate" if classifies else "mean_absolute_error",
                summary=f"{what} rose from {show(baseline.mean)} to {show(value)}, {count(events, 'labels')}",
                value=value,
                baseline=baseline.mean,
                threshold=baseline.tolerated,
                window_events=events,
                window_start_ms=alarm.start_ms,
                change_point_ms=alarm.start_ms,
                detector=detector.name,
                calibrated=detector.calibrated,
            )
        ]

    def state(self) -> State:
        """Plain data."""
        return {
            "learner": self._learner.state() if self._learner else None,
            "baseline": {**asdict(self._baseline), "task": str(self._baseline.task)} if self._baseline else None,
            "detector_name": self.context.options.detector,
            "detector": self._detector.state() if self._detector else None,
            "alarm": asdict(self._alarm) if self._alarm else None,
            "recent": [list(window) for window in self._recent],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``. Under another detector the baseline is kept and the detector starts anew."""
        self._reset()
        self._recent = [list(window) for window in state["recent"]]
        if state["alarm"] is not None:
            self._alarm = RateAlarm(**state["alarm"])
        if state["baseline"] is None:
            assert self._learner is not None
            self._learner.restore(state["learner"])
            return
        saved = dict(state["baseline"])
        self._begin(ErrorBaseline(**{**saved, "task": Task(saved["task"])}))
        assert self._detector is not None
        if state["detector_name"] != self.context.options.detector:
            self.restored = Restored.OTHER_DETECTOR
            return
        self._detector.restore(state["detector"])
        if isinstance(self._detector, RiverDetector):
            self.restored = self._detector.restored
