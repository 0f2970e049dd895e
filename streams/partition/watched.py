"""One subject of a model: its open batches, what watches it, and its windows of metrics. Nothing here raises."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import replace

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import MAX_IDENTIFIER, Alert, Metric, Prediction
from driftbell.schemas.metric import MAX_UNWATCHED_NAMED
from driftbell.streams.batch import JoinedBatch, JoinedEvent, PredictionBatch
from driftbell.streams.encoding import NewerFormatError
from driftbell.streams.monitors.watch import ModelWatch, Watch, writable
from driftbell.streams.subject import Subject
from driftbell.streams.windows import MetricWindows

log = logging.getLogger(__name__)

#: The windows of metrics, as a part that may be switched off.
WINDOWS: Final = "metric_windows"


class OpenState(msgspec.Struct, frozen=True):
    """The open batches of a subject that gathers its events, as ``Watched`` has them."""

    predictions: list[Prediction]
    times: list[int]
    joined: list[JoinedEvent]
    traceparent: str | None


class Watched:
    """A version and variant of a model with its open batches.

    What raises is switched off for this subject (``driftbell.streams.monitors.guard``).
    """

    def __init__(self, subject: Subject, settings: Monitoring, now_ms: int) -> None:
        self.subject = subject
        self.watch = Watch(subject, settings)
        self.windows = MetricWindows(subject, settings)
        self._settings = settings
        #: Stream time of the latest predictions.
        self.last_ms = now_ms
        self.predictions: list[Prediction] = []
        self.times: list[int] = []
        self.joined: list[JoinedEvent] = []
        #: Of the latest event in the open batch that carried one.
        self.traceparent: str | None = None

    @property
    def open(self) -> bool:
        """Whether a batch is open."""
        return bool(self.predictions or self.joined)

    @property
    def failing(self) -> bool:
        """Whether an event in the open batch reports a failure."""
        return any(event.error is not None for event in self.predictions)

    def close_batches(self, now_ms: int, arm: ModelWatch) -> str | None:
        """Hand the open batches to what watches; returns the trace context of the latest event.

        Args:
            arm: what watches the model's variant over all versions.
        """
        traceparent = self.traceparent
        if self.predictions:
            batch = PredictionBatch(self.predictions, np.array(self.times, np.int64), now_ms)
            self.predictions, self.times, self.traceparent = [], [], None
            self.last_ms = now_ms
            self.watch.on_predictions(batch)
            self.watch.guard.run(WINDOWS, lambda: self.windows.on_predictions(batch), None)
            arm.on_predictions(batch)
        if self.joined:
            joined = JoinedBatch(self.joined, now_ms)
            self.joined = []
            self.watch.on_labels(joined)
            self.watch.guard.run(WINDOWS, lambda: self.windows.on_labels(joined), None)
        return traceparent

    def collect(self, now_ms: int) -> list[Metric]:
        """The windows to publish."""
        return self.watch.guard.run(WINDOWS, lambda: self._named(self.windows.collect(now_ms)), [])

    def close_windows(self, now_ms: int) -> list[Metric]:
        """The windows of a subject that is no longer watched."""
        return self.watch.guard.run(WINDOWS, lambda: self._named(self.windows.close(now_ms)), [])

    def pictured(self, alert: Alert) -> Alert:
        """The alert with what a picture of it needs; nothing is gathered for that before something fires."""
        if alert.status == "pending":
            return alert
        series = self.watch.guard.run(WINDOWS, lambda: self.windows.series(alert.evidence.metric), None)
        return alert if series is None else replace(alert, series=series)

    def _named(self, metrics: list[Metric]) -> list[Metric]:
        """Each record says what of its subject is not watched for drift and why, and what its reference lacks."""
        if not metrics:
            return metrics
        unwatched, caveats = self.watch.unwatched(), [caveat.value for caveat in self.watch.caveats()]
        if not (unwatched or caveats):
            return metrics
        named = {name[:MAX_IDENTIFIER]: unwatched[name].value for name in sorted(unwatched)[:MAX_UNWATCHED_NAMED]}
        return [
            replace(metric, unwatched=named, unwatched_features=len(unwatched), reference_caveats=caveats)
            for metric in metrics
        ]

    def windows_due_ms(self) -> int | None:
        """The stream time at which a window is to be published."""
        return self.watch.guard.run(WINDOWS, self.windows.due_ms, None)

    def state(self, *, check: bool = False) -> dict[str, Any]:
        """Plain data; ``check`` switches off what cannot be written."""
        windows = self.watch.guard.run(WINDOWS, lambda: writable(self.windows.state(), check), None)
        state = {
            "version": self.subject.version,
            "variant": self.subject.variant,
            "last_ms": self.last_ms,
            "watch": self.watch.state(check=check),
            "windows": windows,
        }
        if self.open:
            state["open"] = OpenState(list(self.predictions), list(self.times), list(self.joined), self.traceparent)
        return state

    def restore(self, state: Mapping[str, Any]) -> list[str]:
        """Continue from ``state``; returns the parts that could not be read and begin again.

        Raises:
            ValueError: what it had gathered is damaged.
        """
        if "open" in state:
            try:
                gathered = msgspec.convert(state["open"], OpenState)
            except msgspec.ValidationError as error:
                raise ValueError(f"open batches that cannot be read: {error}") from error
            self.predictions, self.times = gathered.predictions, gathered.times
            self.joined, self.traceparent = gathered.joined, gathered.traceparent
        left_out = self.watch.restore(state["watch"])
        if state["windows"] is not None:
            try:
                self.windows.restore(state["windows"])
            except NewerFormatError:
                raise
            except Exception as error:
                log.warning("windows of %s begin again: their state does not fit (%s)", self.subject, error)
                self.windows = MetricWindows(self.subject, self._settings)
                left_out.append(WINDOWS)
        return left_out
