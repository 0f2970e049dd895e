"""ErrorWatch: the errors of learned labels against their baseline, with the detector that was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.agreement import Task
from driftbell.streams.detectors import BernoulliESR, BoundedMeanESR, Restored, RiverDetector
from driftbell.streams.detectors.river.detector import BINARY
from driftbell.streams.monitors.performance.error_reference import SUSPICIOUS, ErrorReference
from driftbell.streams.monitors.rates import RateAlarm

#: The calibrated detector: BernoulliESR for classification, BoundedMeanESR for regression.
CALIBRATED = "e-SR"
#: Labels of the recent mean: one to two times so many.
_RECENT = 250


class ErrorWatch:
    """From the reference on: detector, recent mean, and the alarm while there is one."""

    def __init__(
        self, reference: ErrorReference, detector: str, parameters: Mapping[str, Any], events_per_false_alarm: float
    ) -> None:
        """``detector``: ``CALIBRATED`` or a name of River's, with River's ``parameters``."""
        self.reference = reference
        self.chosen = detector
        self.alarm: RateAlarm | None = None
        #: Why a saved River detector could not be continued, if so.
        self.restored: Restored | None = None
        tolerated = reference.tolerated
        self.detector: BernoulliESR | BoundedMeanESR | RiverDetector
        if detector != CALIBRATED:
            self.detector = RiverDetector(detector, parameters)
        elif reference.task is Task.CLASSIFICATION:
            self.detector = BernoulliESR(tolerated, events_per_false_alarm)
        else:
            self.detector = BoundedMeanESR(tolerated, events_per_false_alarm)
        #: [labels, sum of errors, start in ms] of the running and the previous recent window.
        self._recent: list[list[float]] = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    def update(self, errors: npt.NDArray[np.float64], start_ms: int) -> None:
        """Take a batch of errors between 0 and 1, shape (n,)."""
        n, bad = float(len(errors)), float(errors.sum())
        self._remember(n, bad, start_ms)
        detected = self._detect(errors, start_ms)
        if self.alarm is not None:
            if self.alarm.recovered(n, bad, self.reference.tolerated):
                self.alarm = None
                self.detector.reset()
        elif detected:
            self.alarm = self._raised()
            self.reference.doubt()
        elif self.reference.offer(errors, self._suspicious()):
            self._retarget()

    def _suspicious(self) -> float:
        """The latest labels that may belong to a change."""
        if isinstance(self.detector, RiverDetector) or self.detector.evidence.walk(0) < SUSPICIOUS:
            return 0.0
        return float(self.detector.evidence.change_point(0)[1])

    def _retarget(self) -> None:
        if not isinstance(self.detector, RiverDetector):
            self.detector.retarget(self.reference.tolerated)

    def _remember(self, n: float, bad: float, start_ms: int) -> None:
        if self._recent[0][0] >= _RECENT:
            self._recent = [[0.0, 0.0, 0.0], self._recent[0]]
        if self._recent[0][0] == 0:
            self._recent[0][2] = float(start_ms)
        self._recent[0][0] += n
        self._recent[0][1] += bad

    def _detect(self, errors: npt.NDArray[np.float64], start_ms: int) -> bool:
        detector = self.detector
        if isinstance(detector, BernoulliESR):
            detector.update(len(errors), errors.sum(), start_ms)
            return detector.drift_detected
        if isinstance(detector, BoundedMeanESR):
            detector.update(errors, start_ms)
            return detector.drift_detected
        if detector.name in BINARY:
            # Made for 0 and 1: a measured error is "wrong" when it is larger than the reference's mean.
            errors = (errors > self.reference.mean).astype(np.float64)
        detected = False
        for error in errors.tolist():
            detector.update(error)
            detected = detected or detector.drift_detected
        # River's detectors also see improvements; nobody is paged for these.
        return detected and self._recent_mean > self.reference.mean

    @property
    def _recent_mean(self) -> float:
        n = self._recent[0][0] + self._recent[1][0]
        return (self._recent[0][1] + self._recent[1][1]) / n if n else 0.0

    def _raised(self) -> RateAlarm:
        if isinstance(self.detector, BernoulliESR):
            start_ms, events = self.detector.evidence.change_point(0)
            wrong = float(round(self.detector.successes(0)))
            return RateAlarm(start_ms, float(events), wrong, self.detector.alternative(0))
        current, previous = self._recent
        n, bad = current[0] + previous[0], current[1] + previous[1]
        if isinstance(self.detector, BoundedMeanESR):
            start_ms, _ = self.detector.evidence.change_point(0)
        else:
            start_ms = int(previous[2] if previous[0] else current[2])
        return RateAlarm(start_ms, n, bad, max(bad / n, self.reference.tolerated * 1.25))

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        return {
            "reference": self.reference.state(),
            "chosen": self.chosen,
            "detector": self.detector.state(),
            "alarm": asdict(self.alarm) if self.alarm else None,
            "recent": [list(window) for window in self._recent],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``; under another detector the baseline's alarm is kept and the detector starts fresh."""
        self._recent = [list(window) for window in state["recent"]]
        self.alarm = RateAlarm(**state["alarm"]) if state["alarm"] is not None else None
        if state["chosen"] != self.chosen:
            self.restored = Restored.OTHER_DETECTOR
            return
        self.detector.restore(state["detector"])
        self.restored = self.detector.restored if isinstance(self.detector, RiverDetector) else Restored.CONTINUED
