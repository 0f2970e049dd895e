"""Seeded traffic with everything that happens in production: drift, delays, disorder, duplicates, amendments, rubbish."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from driftbell.streams.records import Input


@dataclass(frozen=True, slots=True)
class Event:
    """One record to publish at ``at_ms`` after the start."""

    at_ms: int
    input: Input
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Traffic:
    """A story in three acts: quiet, changed between ``change`` and ``fixed`` (shares of the whole), quiet again.

    Labels come after up to ``label_delay_ms``, out of order; some twice, some amended, some before their prediction, some
    never, some for predictions that never were. One record in 500 is rubbish.
    """

    seed: int
    predictions: int
    duration_ms: int
    models: int = 2
    label_delay_ms: int = 2000
    change: float = 0.4
    fixed: float = 0.7
    #: What the models are called, before their number.
    model_prefix: str = "model-"

    def events(self, start_ms: int) -> list[Event]:
        """All records in the order of their times; ``start_ms`` is the epoch time of the first."""
        rng = random.Random(self.seed)
        made: list[Event] = []
        for number in range(self.predictions):
            made += self._prediction(rng, number, start_ms)
        return sorted(made, key=lambda event: event.at_ms)

    def _prediction(self, rng: random.Random, number: int, start_ms: int) -> Iterator[Event]:
        share = number / self.predictions
        at = int(share * self.duration_ms)
        changed = self.change <= share < self.fixed
        model = f"{self.model_prefix}{number % self.models}"
        truth = rng.random() < 0.3
        wrong = rng.random() < (0.45 if changed else 0.08)
        answer = truth != wrong
        prediction = {
            "prediction_id": f"{self.seed}-{number}",
            "model": model,
            "version": "1",
            "timestamp": start_ms + at,
            "features": {
                "amount": rng.gauss(120.0 if changed else 100.0, 10.0),
                "age": rng.expovariate(0.1),
                "country": rng.choice(("AT", "DE", "CH")),
            },
            "prediction": answer,
            "scores": min(1.0, max(0.0, 0.7 * answer + rng.random() * 0.3)),
            "latency_ms": rng.lognormvariate(3, 0.3),
        }
        if number % 500 == 7:
            yield Event(at, Input.PREDICTIONS, model, rng.choice((b"{", b"\x00\x00\x00\x00\x01x", b'{"model": 3}')))
        yield Event(at, Input.PREDICTIONS, model, json.dumps(prediction).encode())
        yield from self._labels(rng, number, start_ms, at, model, truth)

    def _labels(
        self, rng: random.Random, number: int, start_ms: int, at: int, model: str, truth: bool
    ) -> Iterator[Event]:
        fate = rng.random()
        if fate < 0.05:
            return
        delay = rng.randrange(self.label_delay_ms) - (300 if fate < 0.10 else 0)
        label_at = max(0, at + delay)

        def label(value: bool, at_ms: int, identifier: str | None = None) -> Event:
            body = {
                "prediction_id": identifier or f"{self.seed}-{number}",
                "model": model,
                "label": value,
                "timestamp": start_ms + at_ms,
            }
            return Event(at_ms, Input.FEEDBACK, model, json.dumps(body).encode())

        yield label(truth, label_at)
        if fate > 0.97:
            yield label(truth, label_at + 50)
        if 0.94 < fate < 0.97:
            yield label(not truth, label_at + 200)
        if 0.93 < fate < 0.94:
            yield label(truth, label_at, f"ghost-{self.seed}-{number}")
