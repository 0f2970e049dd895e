"""Failure rate: the model answers with errors more often than it used to."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from driftbell.runtime.wording import count, percent, went
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.rates import Rates, RatesState
from driftbell.streams.stats import upper_bound
from driftbell.streams.versioned import Versioned

_REFERENCE_ERRORS = 3.0


class FailureRateReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    FAILURE_RATE_ROSE = "failure_rate_rose"
    #: Above the configured ceiling, which needs no reference.
    FAILURE_RATE_ABOVE_CEILING = "failure_rate_above_ceiling"


class FailureOptions(Options, frozen=True):
    """Options of the failure rate."""

    #: Share of events by which the rate may rise above the reference's.
    tolerance: float = 0.005
    #: Failure rates above this are reported even while the reference is learned, and never learned as normal.
    max_rate: float = 0.5


class LearnedFailures(msgspec.Struct, frozen=True, array_like=True):
    """Events and failures while learning, and whether that is over."""

    events: int
    failures: int
    over: bool


class FailureRateState(Versioned, frozen=True):
    """What was learned, and the rate."""

    learned: LearnedFailures
    rates: RatesState


class FailureRate(BaseMonitor[FailureOptions]):
    """Share of predictions that report an error."""

    name = "failure_rate"
    reasons = FailureRateReason
    family = Family.FAILURES
    severity = "critical"
    options_type = FailureOptions

    def __init__(self, context: Context[FailureOptions]) -> None:
        super().__init__(context)
        self._learned_events = 0
        self._learned_failures = 0
        self._learned = False
        self._rates = self._build()

    def _build(self) -> Rates:
        options = self.context.options
        ceiling = min(max(options.max_rate, 1e-3), 0.9)
        baseline, tolerated = 0.0, ceiling
        if self._learned and self._learned_events:
            baseline = self._learned_failures / self._learned_events
            learned = upper_bound(self._learned_failures, self._learned_events, _REFERENCE_ERRORS) + options.tolerance
            tolerated = min(learned, ceiling)
        return Rates([baseline], [tolerated], self.context.events_per_false_alarm)

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count the batch's errors."""
        failures = int(batch.failed.sum())
        if not self._learned:
            if self.context.reference.ready:
                self._learned = True
                alarms = self._rates.alarms
                self._rates = self._build()
                self._rates.alarms = alarms
            else:
                self._learned_events += len(batch)
                self._learned_failures += failures
        self._rates.update([len(batch)], [failures], int(batch.time_ms[0]))

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        return [
            Condition(
                alertname="FailureRateHigh",
                family=self.family,
                severity=self.context.severity,
                reason=(
                    FailureRateReason.FAILURE_RATE_ROSE
                    if self._learned
                    else FailureRateReason.FAILURE_RATE_ABOVE_CEILING
                ).value,
                metric="failure_rate",
                summary=(
                    f"failure rate {went(finding.baseline, finding.rate, percent)} in {count(finding.events, 'events')}"
                    if self._learned
                    else f"{percent(finding.rate)} of {count(finding.events, 'events')} failed"
                ),
                value=finding.rate,
                baseline=finding.baseline if self._learned else None,
                threshold=finding.tolerated,
                window_events=finding.events,
                window_start_ms=finding.start_ms,
                change_point_ms=finding.start_ms,
                detector="bernoulli-e-SR",
            )
            for finding in self._rates.findings()
        ]

    def state(self) -> FailureRateState:
        """Everything needed to continue, copied."""
        learned = LearnedFailures(self._learned_events, self._learned_failures, self._learned)
        return FailureRateState(learned=learned, rates=self._rates.state())

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = FailureRateState.read(state)
        learned = saved.learned
        self._learned_events, self._learned_failures, self._learned = learned.events, learned.failures, learned.over
        self._rates = self._build()
        self._rates.restore(saved.rates)
        return Restored.CONTINUED
