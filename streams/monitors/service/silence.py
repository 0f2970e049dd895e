"""Silence: a model stopped sending predictions."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from driftbell.runtime.wording import duration
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.versioned import Versioned

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


class DayGap(msgspec.Struct, frozen=True, array_like=True):
    """A gap between predictions, in the day (since the epoch) in which it ended."""

    day: int
    gap_ms: int


class SilenceState(Versioned, frozen=True):
    """Predictions so far, the last one, the largest gap of each day, and the last silence that was reported."""

    events: int
    gaps: list[DayGap]
    last_ms: int | None = None
    outage: DayGap | None = None


class Silence(BaseMonitor[SilenceOptions]):
    """No prediction of any version of a model for longer than ever in the last week; time is stream time.

    Belongs to the model (and its variant), not to a version: a new version that takes over is not silence.
    """

    name = "silence"
    reasons = SilenceReason
    family = Family.VOLUME
    severity = "critical"
    options_type = SilenceOptions
    budgeted = False

    def __init__(self, context: Context[SilenceOptions]) -> None:
        super().__init__(context)
        self._events = 0
        self._last_ms: int | None = None
        #: The largest of each day, oldest first.
        self._gaps: list[DayGap] = []
        #: The last silence that was reported.
        self._outage: DayGap | None = None

    @property
    def limit_ms(self) -> int:
        """Silence beyond this is reported."""
        options = self.context.options
        return int(max(options.min_seconds * 1000, options.factor * self._largest_ms))

    @property
    def _largest_ms(self) -> int:
        return max((gap.gap_ms for gap in self._gaps), default=0)

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Something was sent."""
        now = batch.now_ms
        if self._last_ms is not None and now > self._last_ms:
            self._gap(now // _DAY_MS, now - self._last_ms)
        self._events += len(batch)
        self._last_ms = now if self._last_ms is None else max(now, self._last_ms)

    def _gap(self, day: int, gap_ms: int) -> None:
        if self._events < self.context.options.min_events or gap_ms <= self.limit_ms:
            self._learn(day, gap_ms)
            return
        # A gap that was reported is an outage; once it comes back within the week it is a habit (a nightly batch, a
        # weekend).
        if self._outage is not None and day - self._outage.day < _DAYS:
            self._learn(day, min(gap_ms, self._outage.gap_ms))
        self._outage = DayGap(day, gap_ms)

    def _learn(self, day: int, gap_ms: int) -> None:
        if self._gaps and self._gaps[-1].day >= day:
            last = self._gaps[-1]
            self._gaps[-1] = DayGap(last.day, max(last.gap_ms, gap_ms))
            return
        self._gaps.append(DayGap(day, gap_ms))
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
        largest = self._largest_ms
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

    def state(self) -> SilenceState:
        """Everything needed to continue, copied."""
        return SilenceState(events=self._events, gaps=list(self._gaps), last_ms=self._last_ms, outage=self._outage)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = SilenceState.read(state)
        self._events, self._last_ms = saved.events, saved.last_ms
        self._gaps, self._outage = list(saved.gaps), saved.outage
        return Restored.CONTINUED
