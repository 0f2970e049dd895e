"""Traffic for the benches: predictions and labels of many models, cheap to make, at a steady pace or all at once."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer

from driftbell.runtime.config.model import Topics
from driftbell.runtime.kafka import producer_settings

#: Different sets of feature values per model; events draw from them, so that making one costs microseconds.
POOL = 500

#: Times a second at which a steady producer publishes what is due.
PULSE = 20


@dataclass(frozen=True, slots=True)
class Shape:
    """What the events look like: three quarters of the features are numbers, the rest categories."""

    models: int = 20
    features: int = 20
    #: Share of predictions that get a label.
    labels: float = 0.5
    seed: int = 7

    @property
    def numeric(self) -> int:
        """Numeric features."""
        return self.features - self.features // 4

    def names(self) -> list[str]:
        """The models."""
        return [f"model-{number:04d}" for number in range(self.models)]


class Events:
    """Encodes predictions and labels of a shape. Predictions are right in 92 of 100 cases.

    Args:
        shape: see there.
        pool: different sets of feature values; fewer when there are very many models.
    """

    def __init__(self, shape: Shape, pool: int = POOL) -> None:
        self.shape = shape
        self.names = shape.names()
        self._rng = random.Random(shape.seed)  # noqa: S311 - test data
        self._quiet = [self._features(0.0) for _ in range(pool)]
        #: An upstream change: every number moved by three standard deviations.
        self._moved = [self._features(3.0) for _ in range(pool)]

    def _features(self, shift: float) -> str:
        rng, shape = self._rng, self.shape
        features: dict[str, Any] = {f"n{i}": round(rng.gauss(shift, 1), 4) for i in range(shape.numeric)}
        features |= {f"c{i}": rng.choice("abcdefgh") for i in range(shape.features - shape.numeric)}
        return json.dumps(features, separators=(",", ":"))

    def prediction(self, number: int, model: str, time_ms: int, *, moved: bool = False) -> bytes:
        """The prediction with this number."""
        features = self._rng.choice(self._moved if moved else self._quiet)
        answer = "true" if number % 9 == 0 else "false"
        return (
            f'{{"prediction_id":"{number:012x}","model":"{model}","version":"1","timestamp":{time_ms},"features":{features},'
            f'"prediction":{answer},"scores":{number % 89 / 100},"latency_ms":{5 + number % 97 / 10}}}'
        ).encode()

    def label(self, number: int, model: str, time_ms: int) -> bytes:
        """The label of the prediction with this number."""
        right = self._rng.random() < 0.92
        truth = "true" if (number % 9 == 0) == right else "false"
        return f'{{"prediction_id":"{number:012x}","model":"{model}","label":{truth},"timestamp":{time_ms}}}'.encode()

    def labelled(self) -> bool:
        """Whether the next prediction gets a label."""
        return self._rng.random() < self.shape.labels


def producer(kafka: Mapping[str, Any]) -> Producer:
    """A producer that takes a burst without complaint."""
    return Producer(
        producer_settings(kafka) | {"queue.buffering.max.messages": 2_000_000, "linger.ms": 20, "log_level": 0}
    )


def fill(kafka: Mapping[str, Any], topics: Topics, events: Events, per_model: int, *, rate: int = 50_000) -> int:
    """Publish ``per_model`` predictions of every model, in turns, as if in the recent past; returns how many."""
    publisher = producer(kafka)
    total = per_model * events.shape.models
    start_ms = int(time.time() * 1000) - total * 1000 // rate - 5_000
    labels: deque[tuple[int, int, str]] = deque()
    for number in range(total):
        at_ms, model = start_ms + number * 1000 // rate, events.names[number % events.shape.models]
        publisher.produce(topics.predictions, events.prediction(number, model, at_ms), model, timestamp=at_ms)
        if events.labelled():
            labels.append((at_ms + 2_000, number, model))
        while labels and labels[0][0] <= at_ms:
            _label(publisher, topics, events, *labels.popleft())
        if number % 2_000 == 0:
            publisher.poll(0)
    for due_ms, number, model in labels:
        _label(publisher, topics, events, due_ms, number, model)
    publisher.flush(120)
    return total


def _label(publisher: Producer, topics: Topics, events: Events, at_ms: int, number: int, model: str) -> None:
    publisher.produce(topics.feedback, events.label(number, model, at_ms), model, timestamp=at_ms)


class SteadyTraffic(threading.Thread):
    """Publishes at a steady rate until it is told to stop.

    Labels follow their predictions after 3 s, one in 50 comes twice. One model in ten is restless: for one minute of every
    five all its numbers are moved, so that alerts fire and are resolved all the time.

    Args:
        rate: events a second, labels included.
    """

    def __init__(self, kafka: Mapping[str, Any], topics: Topics, events: Events, rate: float) -> None:
        super().__init__(name="traffic", daemon=True)
        self._publisher = producer(kafka)
        self._topics, self._events = topics, events
        self._rate = rate / (1 + events.shape.labels * 1.02)
        self._stopping = threading.Event()
        self.predictions = self.labels = self.failed = 0

    def run(self) -> None:
        """Publish what is due, PULSE times a second."""
        labels: deque[tuple[float, int, str]] = deque()
        started = time.monotonic()
        while not self._stopping.wait(1 / PULSE):
            now, now_ms = time.monotonic(), int(time.time() * 1000)
            for number in range(self.predictions, int((now - started) * self._rate)):
                at = number % self._events.shape.models
                model = self._events.names[at]
                moved = at % 10 == 0 and 180 <= (now - started) % 300 < 240
                self._produce(
                    self._topics.predictions, model, self._events.prediction(number, model, now_ms, moved=moved)
                )
                self.predictions += 1
                if self._events.labelled():
                    labels.append((now + 3.0, number, model))
            for number, model in _due(labels, now):
                for _ in range(2 if number % 50 == 0 else 1):
                    self._produce(self._topics.feedback, model, self._events.label(number, model, now_ms))
                    self.labels += 1
            self._publisher.poll(0)
        self.failed += self._publisher.flush(60)

    def _produce(self, topic: str, model: str, value: bytes) -> None:
        self._publisher.produce(topic, value, model, on_delivery=self._delivered)

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self.failed += 1

    def stop(self) -> None:
        """Publish no more and wait until the brokers have everything."""
        self._stopping.set()
        self.join()


def _due(labels: deque[tuple[float, int, str]], now: float) -> Iterator[tuple[int, str]]:
    while labels and labels[0][0] <= now:
        _, number, model = labels.popleft()
        yield number, model
