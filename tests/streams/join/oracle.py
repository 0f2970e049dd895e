"""The label join written naively: one event at a time, everything in memory for ever, no packing, no deltas."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.batch import JoinedEvent, JoinKind, Label
from driftbell.streams.join import JoinOutcome
from driftbell.streams.subject import Subject

#: How the wait of a prediction, or of a label, ends without the other.
ENDED = (JoinOutcome.EXPIRED, JoinOutcome.UNMATCHED)


@dataclass
class Pending:
    event: Prediction
    made: int
    slot_end_ms: int
    tags: dict[str, str]
    label: Label | None = None
    weight: float = 1.0


@dataclass
class Wait:
    event: Feedback
    at: int
    until_ms: int


@dataclass
class Oracle:
    settings: Join
    now: int = -1
    known: dict[tuple[str, str], Pending] = field(default_factory=dict)
    #: Every registration that has no label yet and has not been counted as expired.
    open: list[Pending] = field(default_factory=list)
    waits: dict[tuple[str, str], Wait] = field(default_factory=dict)
    counts: Counter[JoinOutcome] = field(default_factory=Counter)
    log: list[object] = field(default_factory=list)

    @property
    def horizon(self) -> int:
        return max(1, math.ceil(self.settings.horizon)) * 1000

    @property
    def width(self) -> int:
        return max(1, math.ceil(self.settings.horizon / self.settings.slots)) * 1000

    def advance(self, now: int) -> None:
        self.now = now
        for pending in [p for p in self.open if now >= p.slot_end_ms + self.horizon]:
            self.open.remove(pending)
            self.counts[JoinOutcome.EXPIRED] += 1
        for key in [key for key, wait in self.waits.items() if now >= wait.until_ms]:
            del self.waits[key]
            self.counts[JoinOutcome.UNMATCHED] += 1
        self.log.append({name: self.counts[name] for name in ENDED})

    def predict(self, event: Prediction, made: int) -> None:
        key = event.model, event.prediction_id
        end = (self.now // self.width + 1) * self.width
        pending = self.known[key] = Pending(event, made, end, event.tags)
        self.open.append(pending)
        wait = self.waits.pop(key, None)
        if wait is not None:
            self._apply(pending, wait.event, wait.at)

    def label(self, event: Feedback, at: int) -> None:
        key = event.model, event.prediction_id
        pending = self.known.get(key)
        if pending is None or self.now >= pending.slot_end_ms + self.horizon + self.width:
            self._wait(key, event, at)
        elif self.now >= pending.slot_end_ms + self.horizon:
            self.counts[JoinOutcome.LATE] += 1
        elif pending.label is not None and (pending.label, pending.weight) == (event.label, event.weight):
            self.counts[JoinOutcome.DUPLICATE] += 1
        else:
            self._apply(pending, event, at)

    def _wait(self, key: tuple[str, str], event: Feedback, at: int) -> None:
        earlier = self.waits.get(key)
        if earlier is not None and (earlier.event.label, earlier.event.weight) == (event.label, event.weight):
            self.counts[JoinOutcome.DUPLICATE] += 1
            return
        until = earlier.until_ms if earlier else (self.now // 1000 + 1) * 1000 + self.horizon
        self.waits[key] = Wait(event, at, until)
        self.counts[JoinOutcome.REPLACED if earlier else JoinOutcome.WAITING] += 1
        while len(self.waits) > self.settings.max_waiting_labels:
            del self.waits[next(iter(self.waits))]
            self.counts[JoinOutcome.OVERFLOWED] += 1

    def _apply(self, pending: Pending, event: Feedback, at: int) -> None:
        first = pending.label is None
        previous, weight = pending.label, pending.weight
        if first:
            self.open.remove(pending)
            pending.tags = {**pending.tags, **event.tags}
        pending.label, pending.weight = event.label, event.weight
        self.counts[JoinOutcome.JOINED if first else JoinOutcome.AMENDED] += 1
        shown = pending.event
        self.log.append(
            (
                Subject(shown.model, shown.version, shown.variant),
                JoinedEvent(
                    JoinKind.JOINED if first else JoinKind.AMENDED,
                    shown.prediction,
                    shown.scores,
                    event.label,
                    event.weight,
                    pending.made,
                    at,
                    pending.tags,
                    previous,
                    1.0 if first else weight,
                ),
            )
        )
