"""The monitor port: what watches one subject, one concern per file under ``streams/monitors/``."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftbell.schemas import FeatureShift, Severity
from driftbell.streams.batch import JoinedBatch, PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.versioned import Versioned


class Family(enum.StrEnum):
    """The concern a monitor belongs to; the ``family`` label of its alerts."""

    QUALITY = "quality"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    CONCEPT = "concept"
    LATENCY = "latency"
    FAILURES = "failures"
    VOLUME = "volume"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something is not as it should be, now. A monitor returns it for as long as that is so; absence means all is well.

    ``labels`` are identity (with the subject and ``alertname``): keep them few and stable, never numbers.
    ``summary`` is the human sentence without the subject: "error rate rose from 4.1 % to 9.8 %, 1,204 labels".
    """

    alertname: str
    family: Family
    severity: Severity
    #: Named reason, the monitor's own enum's value: log field, metric label, assertion.
    reason: str
    metric: str
    summary: str
    value: float | None = None
    baseline: float | None = None
    threshold: float | None = None
    window_events: int | None = None
    window_start_ms: int | None = None
    change_point_ms: int | None = None
    detector: str | None = None
    calibrated: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    features: Sequence[FeatureShift] = ()
    #: Name of the monitor, filled in by the owner: whose ``for`` and ``keep_firing_for`` apply.
    monitor: str = ""


class Monitor(Protocol):
    """Watches one subject. Pure: no I/O, no clock, no randomness that is not seeded from its configuration.

    The owner calls, in stream order and at boundaries only (see ``streams.batch``): any number of ``on_predictions`` and
    ``on_labels``, then ``conditions``. Nothing here may raise on the content of an event: what is odd about the data is
    the monitor's subject matter. ``state`` returns a struct that does not change later; ``restore`` of it, or of what
    ``decode`` reads of it, into a fresh monitor of the same configuration continues identically, bit for bit. Memory is
    bounded however many distinct values the input holds.
    """

    name: str

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Learn from a batch of predictions."""

    def on_labels(self, batch: JoinedBatch) -> None:
        """Learn from a batch of joined labels."""

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """What is wrong at stream time ``now_ms``. Calling it twice for the same time returns the same."""

    def due_ms(self) -> int | None:
        """The stream time at which ``conditions`` may change though no event comes; None when it cannot."""

    def movers(self, limit: int) -> Sequence[FeatureShift]:
        """The features that visibly moved, most evidence first, at most ``limit``: what may explain a worse model."""

    def state(self) -> Versioned:
        """Everything needed to continue."""

    def restore(self, state: object) -> Restored:
        """Continue from ``state``; what became of it, where a detector cannot always go on.

        Raises:
            ValueError: the state does not fit; the monitor is not to be used any more.
        """
