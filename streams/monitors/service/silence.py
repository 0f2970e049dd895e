"""Silence: a model stopped sending predictions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family, State
from driftbell.streams.monitors.wording import duration

_DAY_MS = 86_400_000
#: Gaps are remembered by the day for a week, so that a quiet weekend is known as normal.
_DAYS = 8


class SilenceReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    NO_PREDICTIONS = "no_predictions"


class SilenceOptions(Options, frozen=True):
    """Options of the silence."""

    #: Seconds of silence below which no alert is raised.
    min_seconds: float = 300.0
    #: ... and how many times the largest gap of the last days.
    factor: float = 3.0
    #: Predictions before a model is expected to go on sending.
    min_events: int = 100


class Silence(BaseMonitor[SilenceOptions]):
    """No prediction of any version of a model for longer than ever in the last week; time is stream time.

    Belongs to the model (and its variant), not to a version: a new version that takes over is not silence.
    """

    name = "silence"
    family = Family.VOLUME
    severity = "critical"
    options_type = SilenceOptions
    budgeted = False

    def __init__(self, context: Context[SilenceOptions]) -> None:
        super().__init__(context)
        self._events = 0
        self._last_ms: int | None = None
        #: [day, largest gap in it in ms], oldest first.
        self._gaps: list[list[int]] = []
        #: [day, gap in ms] of the last silence that was reported.
        self._outage: list[int] | None = None

    @property
    def limit_ms(self) -> int:
        """Silence beyond this is reported."""
        options = self.context.options
        largest = max((gap for _, gap in self._gaps), default=0)
        return int(max(options.min_seconds * 1000, options.factor * largest))

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Something was sent."""
        now = batch.now_ms
        if self._last_ms is not None and now > self._last_ms:
            self._gap(now // _DAY_MS, now - self._last_ms)
        self._events += len(batch)
        self._last_ms = now if self._last_ms is None else max(now, self._last_ms)

    def _gap(self, day: int, gap: int) -> None:
        if self._events < self.context.options.min_events or gap <= self.limit_ms:
            self._learn(day, gap)
            return
        # A gap that was reported is an outage; once it comes back within the week it is a habit (a nightly batch, a
        # weekend).
        if self._outage is not None and day - self._outage[0] < _DAYS:
            self._learn(day, min(gap, self._outage[1]))
        self._outage = [day, gap]

    def _learn(self, day: int, gap: int) -> None:
        if self._gaps and self._gaps[-1][0] >= day:
            self._gaps[-1][1] = max(self._gaps[-1][1], gap)
            return
        self._gaps.append([day, gap])
        del self._gaps[:-_DAYS]

    def due_ms(self) -> int | None:
        """When the silence becomes too long."""
        if self._last_ms is None or self._events < self.context.options.min_events:
            return None
        return self._last_ms + self.limit_ms + 1

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        due = self.due_ms()
        if due is None or self._last_ms is None or now_ms < due:
            return ()
        silent = now_ms - self._last_ms
        largest = max((gap for _, gap in self._gaps), default=0)
        return [
            Condition(
                alertname="ModelSilent",
                family=self.family,
                severity=self.context.severity,
                reason=SilenceReason.NO_PREDICTIONS.value,
                metric="silence_seconds",
                summary=f"no predictions for {duration(silent)}; the longest gap before was {duration(largest)}",
                value=silent / 1000,
                baseline=largest / 1000,
                threshold=self.limit_ms / 1000,
                window_start_ms=self._last_ms,
                change_point_ms=self._last_ms,
                detector="deadline",
            )
        ]

    def state(self) -> State:
        """Plain data."""
        return {
            "events": self._events,
            "last_ms": self._last_ms,
            "gaps": [list(gap) for gap in self._gaps],
            "outage": self._outage and list(self._outage),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._events = state["events"]
        self._last_ms = state["last_ms"]
        self._gaps = [list(gap) for gap in state["gaps"]]
        self._outage = state["outage"] and list(state["outage"])
