"""FeatureRates: one quality rate per feature; the concrete monitors say which values count against it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.runtime.wording import count, percent, went
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.rates import RateFinding, Rates, RatesState
from driftbell.streams.reference import Columns, Profile
from driftbell.streams.stats import upper_bound
from driftbell.streams.versioned import Versioned

#: Standard errors by which the reference's own rate may be wrong.
REFERENCE_ERRORS = 3.0


class RateOptions(Options, frozen=True):
    """Options of the quality monitors."""

    #: Share of events by which a rate may rise above the reference's before an alert is raised.
    tolerance: float = 0.005
    #: Most conditions at once; when more features break the first ones are reported, with the number of all in the
    #: sentence.
    max_conditions: int = 20


class FeatureRatesState(Versioned, frozen=True):
    """The rates, once there is a reference."""

    rates: RatesState | None = None


class FeatureRates(BaseMonitor[RateOptions]):
    """Watches one share per feature against the reference's own share plus a tolerance.

    Subclasses set ``alertname``, ``metric``, ``reason`` and ``phrase`` and say what counts.
    """

    family = Family.QUALITY
    referenced = True
    options_type = RateOptions
    alertname: ClassVar[str]
    metric: ClassVar[str]
    reason: ClassVar[enum.StrEnum]
    #: The rate in words, before "of <feature>".
    phrase: ClassVar[str]

    _rates: Rates | None = None
    _rows: npt.NDArray[np.int64]

    def concerns(self, profile: Profile) -> bool:
        """Whether the rate makes sense for a feature."""
        raise NotImplementedError

    def learned(self, profile: Profile) -> tuple[float, float]:
        """The reference's (events, events that count against the rate)."""
        raise NotImplementedError

    def none_counts(self, columns: Columns) -> bool:
        """Whether no value of a batch counts against the rate, though all are there and of the right type."""
        raise NotImplementedError

    def counted(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The batch's (events, events that count against the rate), each of shape (profiles,)."""
        raise NotImplementedError

    def _begin(self) -> Rates:
        profiles = self.context.reference.features.profiles
        self._rows = np.array([i for i, p in enumerate(profiles) if self.concerns(p)], np.int64)
        baseline, tolerated = [], []
        for row in self._rows.tolist():
            events, bad = self.learned(profiles[row])
            baseline.append(bad / events if events else 0.0)
            tolerated.append(upper_bound(bad, events, REFERENCE_ERRORS) + self.context.options.tolerance)
        self._rates = Rates(baseline, tolerated, self.budget, coarse=True)
        return self._rates

    @property
    def budget(self) -> float:
        """Events per false alarm of all features together."""
        return self.context.events_per_false_alarm

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count the batch."""
        if not self.context.reference.ready:
            return
        rates = self._rates or self._begin()
        columns = self.context.reference.columns(batch)
        if columns is None or not len(self._rows):
            return
        # Of an ordinary batch all rates can be told at once, which is most of what a small one costs.
        if columns.whole and self.none_counts(columns) and rates.quiet(columns.events, columns.start_ms):
            return
        events, bad = self.counted(columns)
        rates.update(events[self._rows], bad[self._rows], columns.start_ms)

    def findings(self) -> list[RateFinding]:
        """The rates that are too high."""
        return self._rates.findings() if self._rates is not None and self._rates.alarms else []

    def profile(self, row: int) -> Profile:
        """The feature of a row of the rates."""
        return self.context.reference.features.profiles[int(self._rows[row])]

    def remark(self, finding: RateFinding) -> str:
        """What else to say about a rate, appended to the sentence."""
        return ""

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """One condition per feature whose rate is too high."""
        findings = self.findings()
        limit = self.context.options.max_conditions
        more = len(findings) - limit
        return [self._condition(finding, more) for finding in findings[:limit]]

    def _condition(self, finding: RateFinding, more: int) -> Condition:
        return self.condition_of(self.profile(finding.row), finding, more, self.remark(finding))

    def condition_of(self, profile: Profile, finding: RateFinding, more: int, remark: str = "") -> Condition:
        """What to say of a column; ``more`` columns beyond the limit break the same way."""
        summary = (
            f"{self.phrase} of {profile.name} {went(finding.baseline, finding.rate, percent)} "
            f"in {count(finding.events, 'events')}{remark}"
        )
        if more > 0:
            summary += f"; {count(more, 'features')} more break the same way"
        return Condition(
            alertname=self.alertname,
            family=self.family,
            severity=self.context.severity,
            reason=self.reason.value,
            metric=self.metric,
            summary=summary,
            value=finding.rate,
            baseline=finding.baseline,
            threshold=finding.tolerated,
            window_events=finding.events,
            window_start_ms=finding.start_ms,
            change_point_ms=finding.start_ms,
            detector="bernoulli-e-SR",
            labels={"feature": profile.name},
        )

    def state(self) -> FeatureRatesState:
        """Everything needed to continue, copied."""
        return FeatureRatesState(rates=self._rates.state() if self._rates else None)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = FeatureRatesState.read(state)
        if saved.rates is not None:
            self._begin().restore(saved.rates)
        return Restored.CONTINUED
