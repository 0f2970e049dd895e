"""Streams for tests of monitors: seeded events of one model, fed to a Watch in batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from driftbell.runtime.config.model import Monitoring, MonitorSettings, Reference
from driftbell.schemas import FeatureValue, Prediction
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind, Label, PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.watch import Watch
from driftbell.streams.subject import Subject

#: Stream milliseconds between two events.
STEP_MS = 10
SUBJECT = Subject("fraud", "3", "live")

Features = dict[str, FeatureValue]


def settings(
    monitors: dict[str, dict[str, Any]] | None = None,
    *,
    only: Sequence[str] | None = None,
    events: int = 2000,
    labels: int = 1000,
    **rest: Any,
) -> Monitoring:
    """Settings with options by monitor, which switch it on; ``only`` switches all other monitors off."""
    from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY

    chosen = {name: MonitorSettings(enabled=True, options=options) for name, options in (monitors or {}).items()}
    if only is not None:
        for name in (*REGISTRY, *MODEL_REGISTRY):
            if name not in only:
                chosen[name] = MonitorSettings(enabled=False)
            else:
                chosen.setdefault(name, MonitorSettings(enabled=True))
    reference = rest.pop("reference", None) or Reference(events=events, labels=labels)
    return Monitoring(monitors=chosen, reference=reference, **rest)


def ordinary(rng: random.Random) -> Features:
    """What a fraud model usually gets."""
    return {
        "amount": rng.lognormvariate(3, 1),
        "age": rng.randrange(18, 90),
        "country": rng.choices(("DE", "FR", "PL", "IT"), (5, 3, 2, 1))[0],
        "mobile": rng.random() < 0.6,
    }


@dataclass
class Story:
    """A Watch and its clock. Every verb feeds a number of events and returns the conditions that hold afterwards.

    With ``restart`` the watch is written, forgotten and restored between any two batches.
    """

    settings: Monitoring = field(default_factory=settings)
    batch: int = 128
    seed: int = 1
    restart: bool = False
    rng: random.Random = field(init=False)
    watch: Watch = field(init=False)
    now_ms: int = 0
    #: Every change of the set of alert names, as (stream ms, sorted names with their feature).
    history: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.watch = Watch(SUBJECT, self.settings)

    def events(
        self,
        count: int,
        features: Callable[[random.Random], Features] = ordinary,
        *,
        answer: Callable[[random.Random], Any] = lambda rng: rng.random() < 0.1,
        latency: Callable[[random.Random], float | None] = lambda rng: rng.lognormvariate(3, 0.5),
        failing: float = 0.0,
    ) -> list[Condition]:
        """Feed predictions."""
        while count > 0:
            size = min(count, self.batch)
            made = []
            for _ in range(size):
                failed = self.rng.random() < failing
                made.append(
                    Prediction(
                        prediction_id="p",
                        model=SUBJECT.model,
                        version=SUBJECT.version,
                        timestamp=0,
                        features=features(self.rng),
                        prediction=None if failed else answer(self.rng),
                        latency_ms=latency(self.rng),
                        error="timeout" if failed else None,
                    )
                )
            self.feed(made)
            count -= size
        return self.conditions()

    def feed(self, made: list[Prediction]) -> None:
        """Feed one batch of predictions."""
        times = self.now_ms + STEP_MS * np.arange(len(made), dtype=np.int64)
        self.now_ms += STEP_MS * len(made)
        self.watch.on_predictions(PredictionBatch(made, times, self.now_ms))
        self._closed()

    def labels(
        self,
        count: int,
        wrong: float = 0.1,
        pair: Callable[[random.Random, float], tuple[Label | None, Label]] | None = None,
        kind: JoinKind = JoinKind.JOINED,
    ) -> list[Condition]:
        """Feed labels, of which the share ``wrong`` disagrees, or pairs (prediction, label) made by ``pair``."""
        made_by = pair or (lambda rng, rate: ("yes", "no" if rng.random() < rate else "yes"))
        while count > 0:
            size = min(count, self.batch)
            made = []
            for index in range(size):
                prediction, label = made_by(self.rng, wrong)
                made.append(
                    JoinedEvent(
                        kind=kind,
                        prediction=prediction,
                        scores=None,
                        label=label,
                        weight=1.0,
                        predicted_ms=self.now_ms + STEP_MS * index,
                        labelled_ms=self.now_ms + STEP_MS * index + 500,
                        tags={},
                    )
                )
            self.now_ms += STEP_MS * size
            self.watch.on_labels(JoinedBatch(made, self.now_ms))
            self._closed()
            count -= size
        return self.conditions()

    def conditions(self) -> list[Condition]:
        """What holds now."""
        return self.watch.conditions(self.now_ms)

    def _closed(self) -> None:
        if self.restart:
            state = decode(encode(self.watch.state()))
            self.watch = Watch(SUBJECT, self.settings)
            self.watch.restore(state)
        names = tuple(sorted(f"{c.alertname}:{c.labels.get('feature', '')}" for c in self.conditions()))
        if names != (self.history[-1][1] if self.history else ()):
            self.history.append((self.now_ms, names))

    def episodes(self, name: str) -> int:
        """How often an alert with that name was raised."""
        was, found = False, 0
        for _, names in self.history:
            now = any(entry.startswith(f"{name}:") for entry in names)
            found += now and not was
            was = now
        return found


def batch_of(made: list[Prediction], now_ms: int) -> PredictionBatch:
    """A batch that ends at ``now_ms``."""
    return PredictionBatch(made, now_ms - len(made) + np.arange(len(made), dtype=np.int64), now_ms)


def learned(story: Story, labels: bool = False) -> Story:
    """The same story after a quiet reference."""
    story.events(story.settings.reference.events + 256)
    if labels:
        story.labels(story.settings.reference.labels + 256)
    assert story.conditions() == []
    return story


def names(conditions: Sequence[Condition]) -> list[str]:
    """Sorted alert names, with the feature where there is one."""
    return sorted(f"{c.alertname}:{c.labels['feature']}" if "feature" in c.labels else c.alertname for c in conditions)
