"""The service of the story: it answers requests with the model, publishes each answer, and later the label."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from driftbell.demo.data import ANOMALY, NORMAL, Reading
from driftbell.demo.model import OnlineModel
from driftbell.demo.story import Phase, upstream

MODEL = "shuttle"
VERSION = "1"

#: Requests a second. High enough that everything shows within seconds, low enough for a small laptop.
RATE = 600.0
#: Seconds until the truth about a request is known.
LABEL_DELAY = 3.0
#: Readings from which the model learned before it went into service.
TRAINING = 5000

#: Seconds between two bursts of requests; short against everything that is watched.
_STEP = 0.02


class Publisher(Protocol):
    """The part of ``driftbell_client.Client`` that a service uses."""

    def predict(
        self,
        model: str,
        version: str,
        prediction: object,
        *,
        prediction_id: object,
        features: Mapping[Any, object],
        scores: Mapping[Any, object],
        latency_ms: float,
    ) -> str:
        """Publish an answer."""

    def label(self, model: str, prediction_id: object, label: object) -> None:
        """Publish the truth about it."""


class Traffic:
    """Runs until cancelled. ``phase`` may be changed at any time; the counters tell how it goes."""

    def __init__(
        self,
        readings: Iterator[Reading],
        publisher: Publisher,
        *,
        now: Callable[[], float] = time.monotonic,
        stopwatch: Callable[[], float] = time.perf_counter,
        rate: float = RATE,
        label_delay: float = LABEL_DELAY,
    ) -> None:
        self._readings = readings
        self._publisher = publisher
        self._now = now
        self._stopwatch = stopwatch
        self._rate = rate
        self._label_delay = label_delay
        self._model = OnlineModel()
        #: (when the label is known, prediction id, the reading as the model saw it, whether the model was right)
        self._unlabelled: deque[tuple[float, str, Reading, bool]] = deque()
        self.phase = Phase.QUIET
        self.predictions = 0
        self.labels = 0
        #: Whether the model was right, for the last labels.
        self.recent: deque[bool] = deque(maxlen=1000)

    def train(self) -> None:
        """Teach the model before it goes into service."""
        for _ in range(TRAINING):
            self._model.learn(next(self._readings))

    @property
    def accuracy(self) -> float | None:
        """Of the last labels; None before the first."""
        return sum(self.recent) / len(self.recent) if self.recent else None

    async def run(self) -> None:
        """Answer requests at the rate, and give labels when their time has come."""
        started, before = self._now(), self.predictions
        while True:
            due = before + round((self._now() - started) * self._rate)
            while self.predictions < due:
                self.answer()
            self.give_labels()
            await asyncio.sleep(_STEP)

    def answer(self) -> None:
        """One request: predict and publish."""
        reading = next(self._readings)
        seen = Reading(upstream(self.phase, reading.features), reading.label)
        begun = self._stopwatch()
        answer, anomaly = self._model.predict(seen.features)
        latency_ms = (self._stopwatch() - begun) * 1000
        self.predictions += 1
        prediction_id = f"request-{self.predictions}"
        self._publisher.predict(
            MODEL,
            VERSION,
            answer,
            prediction_id=prediction_id,
            features=seen.features,
            scores={ANOMALY: anomaly, NORMAL: 1 - anomaly},
            latency_ms=latency_ms,
        )
        self._unlabelled.append((self._now() + self._label_delay, prediction_id, seen, answer == reading.label))

    def give_labels(self) -> None:
        """Publish the labels that are known by now; the model learns from them too."""
        now = self._now()
        while self._unlabelled and self._unlabelled[0][0] <= now:
            _, prediction_id, seen, right = self._unlabelled.popleft()
            self._publisher.label(MODEL, prediction_id, seen.label)
            self._model.learn(seen)
            self.labels += 1
            self.recent.append(right)
