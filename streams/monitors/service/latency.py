"""Latency: more answers are slow than used to be, or than the service objective allows."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family, State
from driftbell.streams.monitors.rates import Finding, Rates
from driftbell.streams.monitors.wording import count, milliseconds, percent
from driftbell.streams.stats import QuantileSketch, upper_bound

#: The share of answers that is slow by definition: slower than the reference's 95 % quantile.
_SLOW = 0.05
#: Standard errors by which the share of slow answers in the reference may be wrong.
_REFERENCE_ERRORS = 3.0
#: Answers without which no quantile is learned.
_MIN_LEARNED = 100
#: Recent quantiles are over one to two times so many answers.
_RECENT = 1000
_SHOWN = (0.5, 0.95, 0.99)


class LatencyReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    SLOWER_THAN_REFERENCE = "slower_than_reference"
    OBJECTIVE_MISSED = "objective_missed"


class LatencyOptions(Options, frozen=True):
    """Options of the latency."""

    #: Answers slower than the reference's p95 may be this share more than 5 %: load comes in bursts.
    tolerance: float = 0.05
    #: An answer within so many milliseconds is not slow, however fast the others were. Nobody gets up for microseconds.
    floor_ms: float = 1.0
    #: Service objective: at most ``slo_share`` of the answers slower than ``slo_ms``. Needs no reference.
    slo_ms: float | None = None
    slo_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Learned:
    """The reference's latency."""

    answers: int
    #: Milliseconds, at the shares of ``_SHOWN``.
    quantiles: Sequence[float]
    #: The rate of answers slower than ``p95``.
    slow: Rates

    @property
    def p95(self) -> float:
        """The reference's 95 % quantile in milliseconds."""
        return self.quantiles[_SHOWN.index(0.95)]


class Latency(BaseMonitor[LatencyOptions]):
    """Share of answers slower than the reference's 95 % quantile.

    Quantiles (p50, p95, p99) are shown, never decided on: they have no false-alarm rate.
    """

    name = "latency"
    family = Family.LATENCY
    options_type = LatencyOptions

    def __init__(self, context: Context[LatencyOptions]) -> None:
        super().__init__(context)
        options = context.options
        # Two detectors may alarm: each has half of the budget.
        self._budget = context.events_per_false_alarm * (1 if options.slo_ms is None else 2)
        #: Latencies while learning; afterwards None.
        self._sketch: QuantileSketch | None = QuantileSketch()
        self._learned: Learned | None = None
        self._recent = (QuantileSketch(), QuantileSketch())
        self._objective: tuple[float, Rates] | None = None
        if options.slo_ms is not None:
            self._objective = options.slo_ms, Rates([options.slo_share], [options.slo_share], self._budget)

    def quantiles(self) -> Mapping[str, float]:
        """Recent p50, p95 and p99 in milliseconds, relative error 2 %; empty without answers."""
        both = QuantileSketch()
        for sketch in self._recent:
            both.merge(sketch)
        named = ((f"p{round(100 * share)}", both.quantile(share)) for share in _SHOWN)
        return {name: value for name, value in named if value is not None}

    def on_predictions(self, batch: PredictionBatch) -> None:
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
        if self._objective is not None:
            self._count(*self._objective, values, start_ms)
        if self._learned is not None:
            self._count(self._slow_from(self._learned), self._learned.slow, values, start_ms)
        elif self._sketch is not None:
            self._learn(self._sketch, values)

    @staticmethod
    def _count(limit: float, rates: Rates, values: npt.NDArray[np.float64], start_ms: int) -> None:
        rates.update([len(values)], [int((values > limit).sum())], start_ms)

    def _slow_from(self, learned: Learned) -> float:
        """The latency, in milliseconds, above which an answer is slow."""
        return max(learned.p95, self.context.options.floor_ms)

    def _learn(self, sketch: QuantileSketch, values: npt.NDArray[np.float64]) -> None:
        sketch.update(values)
        if self.context.reference.ready and len(sketch) >= _MIN_LEARNED:
            self._sketch = None
            quantiles = [sketch.quantile(share) or 0.0 for share in _SHOWN]
            self._learned = Learned(len(sketch), quantiles, self._build(len(sketch)))

    def _build(self, learned: int) -> Rates:
        tolerated = upper_bound(_SLOW * learned, learned, _REFERENCE_ERRORS) + self.context.options.tolerance
        return Rates([_SLOW], [min(tolerated, 0.9)], self._budget)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition: the objective's, where that is missed, else the reference's."""
        watched: list[tuple[float, Rates, LatencyReason]] = []
        if self._objective is not None:
            watched.append((*self._objective, LatencyReason.OBJECTIVE_MISSED))
        if self._learned is not None:
            watched.append((self._slow_from(self._learned), self._learned.slow, LatencyReason.SLOWER_THAN_REFERENCE))
        found = [self._condition(f, limit, reason) for limit, rates, reason in watched for f in rates.findings()]
        return found[:1]

    def _condition(self, finding: Finding, limit: float, reason: LatencyReason) -> Condition:
        p95 = self.quantiles().get("p95", 0.0)
        baseline = self._learned.p95 if self._learned else None
        if reason is LatencyReason.OBJECTIVE_MISSED:
            summary = (
                f"{percent(finding.rate)} of {count(finding.events, 'answers')} slower than {milliseconds(limit)} "
                f"(at most {percent(self.context.options.slo_share)} allowed); p95 is {milliseconds(p95)}"
            )
        else:
            summary = (
                f"latency p95 rose from {milliseconds(baseline or 0.0)} to {milliseconds(p95)}; "
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
            baseline=baseline,
            threshold=limit,
            window_events=finding.events,
            window_start_ms=finding.start_ms,
            change_point_ms=finding.start_ms,
            detector="bernoulli-e-SR",
        )

    def state(self) -> State:
        """Plain data."""
        return {
            "sketch": self._sketch.state() if self._sketch is not None else None,
            "learned": self._learned
            and [self._learned.answers, list(self._learned.quantiles), self._learned.slow.state()],
            "recent": [sketch.state() for sketch in self._recent],
            "objective": self._objective[1].state() if self._objective else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        for sketch, saved in zip(self._recent, state["recent"], strict=True):
            sketch.restore(saved)
        if state["learned"] is not None:
            answers, quantiles, slow = state["learned"]
            self._sketch = None
            self._learned = Learned(answers, list(quantiles), self._build(answers))
            self._learned.slow.restore(slow)
        elif self._sketch is not None:
            self._sketch.restore(state["sketch"])
        if self._objective is not None and state["objective"] is not None:
            self._objective[1].restore(state["objective"])
