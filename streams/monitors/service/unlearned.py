"""Unlearned: versions change so often that none of them finishes its reference, so that nothing is watched."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from driftbell.runtime.wording import count
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Context, NoOptions
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.versioned import Versioned

#: So many references' worth of events without a learned version, over so many versions, is no start but a habit.
_REFERENCES = 3
_VERSIONS = 3
#: Versions remembered, the latest used: producers may name any number.
_MOST_VERSIONS = 64


class UnlearnedReason(enum.StrEnum):
    """Why a condition of this monitor holds."""

    VERSIONS_CHANGE_TOO_OFTEN = "versions_change_too_often"


class UnlearnedState(Versioned, frozen=True):
    """Events by version, least recently used first, and events since a learned version answered."""

    versions: dict[str, int]
    since: int
    start_ms: int | None = None


class Unlearned(BaseMonitor[NoOptions]):
    """Counts the events since a version that has learned its reference last answered."""

    name = "unlearned"
    family = Family.HEALTH
    reasons = UnlearnedReason
    severity = "warning"
    budgeted = False

    def __init__(self, context: Context[NoOptions]) -> None:
        super().__init__(context)
        self._versions: dict[str, int] = {}
        self._since = 0
        self._start_ms: int | None = None

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count the batch for its version."""
        version = batch.events[0].version
        needed = self.context.settings.reference.events
        seen = min(self._versions.pop(version, 0) + len(batch), needed)
        self._versions[version] = seen
        if len(self._versions) > _MOST_VERSIONS:
            del self._versions[next(iter(self._versions))]
        if seen >= needed:
            self._since, self._start_ms = 0, None
            return
        if self._start_ms is None:
            self._start_ms = int(batch.time_ms[0])
        self._since += len(batch)

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """At most one condition."""
        needed = self.context.settings.reference.events
        unfinished = sum(seen < needed for seen in self._versions.values())
        if self._since < _REFERENCES * needed or unfinished < _VERSIONS:
            return ()
        return [
            Condition(
                alertname="NothingLearned",
                family=self.family,
                severity=self.context.severity,
                reason=UnlearnedReason.VERSIONS_CHANGE_TOO_OFTEN.value,
                metric="versions",
                summary=(
                    f"nothing is watched: {count(unfinished, 'versions')} came in {count(self._since, 'predictions')}, and "
                    f"none stayed for the {count(needed, 'predictions')} that a reference takes (monitoring.reference.events)"
                ),
                value=float(unfinished),
                threshold=float(_VERSIONS),
                window_events=self._since,
                window_start_ms=self._start_ms,
            )
        ]

    def state(self) -> UnlearnedState:
        """Everything needed to continue, copied."""
        return UnlearnedState(versions=dict(self._versions), since=self._since, start_ms=self._start_ms)

    def restore(self, state: object) -> Restored:
        """Continue from ``state``."""
        saved = UnlearnedState.read(state)
        self._versions, self._since, self._start_ms = dict(saved.versions), saved.since, saved.start_ms
        return Restored.CONTINUED
