"""Publishes traffic at its own pace, like a service would."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Producer

from driftbell.runtime.config.model import Topics
from driftbell.runtime.kafka import producer_settings
from driftbell.streams.records import Input
from tests.pipeline.traffic import Event


class LiveProducer(threading.Thread):
    """A thread that publishes events when their time has come; record times are the brokers' clients' (CreateTime).

    ``paced=False`` publishes all at once, with the events' own times as record times.
    """

    def __init__(
        self, kafka: Mapping[str, Any], topics: Topics, events: Sequence[Event], start_ms: int, *, paced: bool = True
    ) -> None:
        super().__init__(name="producer", daemon=True)
        self._producer = Producer(
            producer_settings(kafka)
            | {
                "linger.ms": 5,
                "queue.buffering.max.messages": 2_000_000,
                "delivery.timeout.ms": 300_000,
                "log_level": 0,
            }
        )
        self._topics = {Input.PREDICTIONS: topics.predictions, Input.FEEDBACK: topics.feedback}
        self._events = events
        self._start_ms = start_ms
        self._paced = paced
        self.failed = 0

    def run(self) -> None:
        """Publish everything and wait until the brokers have it."""
        for number, event in enumerate(self._events):
            due_ms = self._start_ms + event.at_ms
            if self._paced and (wait := due_ms / 1000 - time.time()) > 0:
                self._producer.poll(0)
                time.sleep(wait)
            at: dict[str, Any] = {} if self._paced else {"timestamp": due_ms}
            self._producer.produce(
                self._topics[event.input], key=event.key, value=event.value, on_delivery=self._delivered, **at
            )
            if number % 1000 == 0:
                self._producer.poll(0)
        self.failed += self._producer.flush(300)

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self.failed += 1
