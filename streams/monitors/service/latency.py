"""Latency: more answers are slow than used to be, or than the service objective allows."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.runtime.wording import count, milliseconds, percent, went
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.rates import RateFinding, Rates, RatesState
from driftbell.streams.stats import QuantileSketch, upper_bound
from driftbell.streams.stats.quantile_sketch import SketchState
from driftbell.streams.versioned import Versioned

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


class LearnedLatencyState(Versioned, frozen=True):
    """As ``Learned``."""

    answers: int
    quantiles: list[float]
    slow: RatesState


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

    def state(self) -> LearnedLatencyState:
        """Copied."""
        return LearnedLatencyState(answers=self.answers, quantiles=list(self.quantiles), slow=self.slow.state())


class LatencyState(Versioned, frozen=True):
    """What is learned or was learned, the recent latencies, and the rate above the objective if there is one."""

    recent: list[SketchState]
    sketch: SketchState | None = None
    learned: LearnedLatencyState | None = None
    objective: RatesState | None = None

    @classmethod
    def lift(cls, plain: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """What was learned was a list of three."""
        if version == 0 and plain["learned"] is not None:
            names = ("answers", "quantiles", "slow")
            return {**plain, "learned": dict(zip(names, plain["learned"], strict=True))}
        return plain


class Latency(BaseMonitor[LatencyOptions]):
    """Share of answers slower than the reference's 95 % quantile.

    Quantiles (p50, p95, p99) are shown, never decided on: they have no false-alarm rate.
    """

    name = "latency"
    reasons = LatencyReason
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
        begun = False
        if self._objective is not None:
            begun |= self._count(*self._objective, values, start_ms)
        if self._learned is not None:
            begun |= self._count(self._slow_from(self._learned), self._learned.slow, values, start_ms)
        elif self._sketch is not None:
            self._learn(self._sketch, values)
        if begun:
            # What came before would dilute the quantiles that the alert shows.
            current.clear()
            previous.clear()
            current.update(values)

    @staticmethod
    def _count(limit: float, rates: Rates, values: npt.NDArray[np.float64], start_ms: int) -> bool:
        """Whether an alarm begins with these answers."""
        before = bool(rates.alarms)
        rates.update([len(values)], [int((values > limit).sum())], start_ms)
        return bool(rates.alarms) and not before

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

    def _condition(self, finding: RateFinding, limit: float, reason: LatencyReason) -> Condition:
        p95 = self.quantiles().get("p95", 0.0)
        baseline = self._learned.p95 if self._learned else None
        if reason is LatencyReason.OBJECTIVE_MISSED:
            summary = (
                f"{percent(finding.rate)} of {count(finding.events, 'answers')} slower than {milliseconds(limit)} "
                f"(at most {percent(self.context.options.slo_share)} allowed); p95 is {milliseconds(p95)}"
            )
        else:
            summary = (
                f"latency p95 {went(baseline or 0.0, p95, milliseconds)}; "
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

    def state(self) -> LatencyState:
        """Everything needed to continue, copied."""
        learned = self._learned
        return LatencyState(
            recent=[sketch.state() for sketch in self._recent],
            sketch=self._sketch.state() if self._sketch is not None else None,
            learned=learned.state() if learned is not None else None,
            objective=self._objective[1].state() if self._objective else None,
        )

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = LatencyState.read(state)
        for sketch, recent in zip(self._recent, saved.recent, strict=True):
            sketch.restore(recent)
        if saved.learned is not None:
            self._sketch = None
            answers = saved.learned.answers
            self._learned = Learned(answers, list(saved.learned.quantiles), self._build(answers))
            self._learned.slow.restore(saved.learned.slow)
        elif self._sketch is not None and saved.sketch is not None:
            self._sketch.restore(saved.sketch)
        if self._objective is not None and saved.objective is not None:
            self._objective[1].restore(saved.objective)
        return Restored.CONTINUED
