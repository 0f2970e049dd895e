"""Latency: more answers are slow than used to be, or than the service objective allows."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streams.batch import PredictionBatch
from streams.monitor import Condition, Family, State
from streams.monitors.base import BaseMonitor, Context, Options
from streams.monitors.rates import Finding, Rates
from streams.monitors.wording import count, milliseconds, percent
from streams.stats import QuantileSketch

#: The share of answers that is slow by definition: slower than the reference's 95 % quantile.
_SLOW = 0.05
#: Answers without which no quantile is learned.
_MIN_LEARNED = 100
#: Recent quantiles are over one to two times so many answers.
_RECENT = 1000
_SHOWN = (0.5, 0.95, 0.99)


class Reason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    SLOWER_THAN_REFERENCE = "slower_than_reference"
    OBJECTIVE_MISSED = "objective_missed"


class LatencyOptions(Options, frozen=True):
    """Options of the latency."""

    #: Answers slower than the reference's p95 may be this share more than 5 %: load comes in bursts.
    tolerance: float = 0.05
    #: Service objective: at most ``slo_share`` of the answers slower than ``slo_ms``. Needs no reference.
    slo_ms: float | None = None
    slo_share: float = 0.05


class Latency(BaseMonitor[LatencyOptions]):
    """Share of answers slower than the reference's 95 % quantile; quantiles (p50, p95, p99) are shown, never decided on."""

    name = "latency"
    family = Family.LATENCY
    options_type = LatencyOptions

    def __init__(self, context: Context[LatencyOptions]) -> None:
        super().__init__(context)
        self._learned: list[float] | None = None
        self._sketch = QuantileSketch()
        self._recent = (QuantileSketch(), QuantileSketch())
        options = context.options
        # Two detectors may alarm: each has half of the budget.
        self._budget = context.events_per_false_alarm * (1 if options.slo_ms is None else 2)
        self._slow: Rates | None = None
        self._objective = None
        if options.slo_ms is not None:
            self._objective = Rates([options.slo_share], [options.slo_share], self._budget)

    def quantiles(self) -> Mapping[str, float]:
        """Recent quantiles in milliseconds by name (``p50``, ``p95``, ``p99``), relative error 2 %; empty without answers."""
        both = QuantileSketch()
        for sketch in self._recent:
            both.merge(sketch)
        named = ((f"p{round(100 * share)}", both.quantile(share)) for share in _SHOWN)
        return {name: value for name, value in named if value is not None}

    def predictions(self, batch: PredictionBatch) -> None:
        """Take the batch's latencies; answers without one do not count."""
        raw = [event.latency_ms for event in batch.events]
        values = np.array([v for v in raw if v is not None] if None in raw else raw, np.float64)
        if not len(values):
            return
        start_ms = int(batch.time_ms[0])
        current, previous = self._recent
        if len(current) >= _RECENT:
            previous.clear()
            self._recent = current, previous = previous, current
        current.update(values)
        if self._objective is not None and self.context.options.slo_ms is not None:
            slow = int((values > self.context.options.slo_ms).sum())
            self._objective.update([len(values)], [slow], start_ms)
        if self._slow is not None and self._learned is not None:
            self._slow.update([len(values)], [int((values > self._learned[1]).sum())], start_ms)
        elif self._learned is None:
            self._learn(values)

    def _learn(self, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        self._sketch.update(values)
        if not self.context.reference.ready or len(self._sketch) < _MIN_LEARNED:
            return
        self._learned = [self._sketch.quantile(share) or 0.0 for share in _SHOWN]
        self._sketch.clear()
        self._slow = self._build()

    def _build(self) -> Rates:
        return Rates([_SLOW], [min(_SLOW + 0.01 + self.context.options.tolerance, 0.9)], self._budget)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition: the objective's, where that is missed, else the reference's."""
        if self._objective is not None and self._objective.alarms:
            slo_ms = self.context.options.slo_ms
            assert slo_ms is not None
            return [self._condition(f, slo_ms, Reason.OBJECTIVE_MISSED) for f in self._objective.findings()]
        if self._slow is not None and self._slow.alarms and self._learned is not None:
            limit = self._learned[1]
            return [self._condition(f, limit, Reason.SLOWER_THAN_REFERENCE) for f in self._slow.findings()]
        return ()

    def _condition(self, finding: Finding, limit: float, reason: Reason) -> Condition:
        p95 = self.quantiles().get("p95", 0.0)
        if reason is Reason.OBJECTIVE_MISSED:
            summary = (
                f"{percent(finding.rate)} of {count(finding.events, 'answers')} slower than {milliseconds(limit)} "
                f"(at most {percent(self.context.options.slo_share)} allowed); p95 is {milliseconds(p95)}"
            )
        else:
            summary = (
                f"latency p95 rose from {milliseconds(limit)} to {milliseconds(p95)}; "
                f"{percent(finding.rate)} of {count(finding.events, 'answers')} slower than {milliseconds(limit)}"
            )
        return Condition(
            alertname="LatencyHigh",
            family=self.family,
            severity=self.context.severity,
            reason=reason.value,
            metric="latency_p95_ms",
            summary=summary,
            value=p95,
            baseline=self._learned[1] if self._learned else None,
            threshold=limit,
            window_events=finding.events,
            window_start_ms=finding.start_ms,
            change_point_ms=finding.start_ms,
            detector="bernoulli-e-SR",
        )

    def state(self) -> State:
        """Plain data."""
        return {
            "learned": self._learned,
            "sketch": self._sketch.state(),
            "recent": [sketch.state() for sketch in self._recent],
            "slow": self._slow.state() if self._slow else None,
            "objective": self._objective.state() if self._objective else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._learned = list(state["learned"]) if state["learned"] is not None else None
        self._sketch.restore(state["sketch"])
        for sketch, saved in zip(self._recent, state["recent"], strict=True):
            sketch.restore(saved)
        if state["slow"] is not None:
            self._slow = self._build()
            self._slow.restore(state["slow"])
        if self._objective is not None and state["objective"] is not None:
            self._objective.restore(state["objective"])
