"""Records that a producer may send and that are hard to digest: giants, and one at which the worker fails."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from driftbell.runtime.kafka import producer_settings
from tests.faults.scenario import Run

#: What the input topic takes in the runs with giants, and what a worker then takes as one record.
TOPIC_BYTES, RECORD_BYTES = 12 * 1024 * 1024, 4 * 1024 * 1024

#: A worker with ``poisonous_environment`` raises at each prediction of this amount.
POISON_AMOUNT = -666.0


def allow_giants(run: Run) -> None:
    """Let the topic of the predictions take 12 MB; the topics of the outputs keep their default."""
    larger = ConfigEntry("max.message.bytes", str(TOPIC_BYTES), incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, run.config.topics.predictions, incremental_configs=[larger])
    admin = run.kafka.admin()
    for future in admin.incremental_alter_configs([topic]).values():
        future.result(30)


def send_giants(run: Run) -> None:
    """Good events of 2 MB together; a giant key, a small and a giant bad record together; names of 200 kB."""
    large = {"message.max.bytes": TOPIC_BYTES, "compression.type": "none"}
    producer = Producer(producer_settings(run.config.kafka) | large | {"linger.ms": 100, "log_level": 0})
    topic = run.config.topics.predictions
    for number in range(3):
        wide = {f"{number}-{at}-" + "n" * 200: float(at) for at in range(9_500)}
        producer.produce(topic, _event(run, f"wide-{number}", wide), "giant")
    producer.produce(topic, b"{", b"k" * 1_048_400)
    producer.produce(topic, b"{", "giant")
    producer.produce(topic, b"v" * (RECORD_BYTES + 1000), "giant")
    producer.produce(topic, _event(run, "name", {"n" * 200_000: 1.0}), "giant")
    assert producer.flush(60) == 0


def send_poison(run: Run) -> None:
    """Three predictions at which a worker fails, two of them next to each other."""
    producer = Producer(producer_settings(run.config.kafka) | {"log_level": 0})
    for number in range(3):
        producer.produce(
            run.config.topics.predictions, _event(run, f"poison-{number}", {"amount": POISON_AMOUNT}), "model-0"
        )
        if number == 1:
            producer.flush(30)
            time.sleep(run.rng.uniform(0.0, 2.0))
    assert producer.flush(30) == 0


def is_poison(value: bytes | None) -> bool:
    """Whether a worker with ``poisonous_environment`` fails at this record."""
    return value is not None and b'"prediction_id": "poison-' in value


def poisonous_environment() -> dict[str, str]:
    """The environment of a worker that raises at poison: the code of driftbell itself has no such switch."""
    patch = Path(__file__).parent / "poisonous"
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(patch), os.environ.get("PYTHONPATH"))))}


def _event(run: Run, identifier: str, features: dict[str, float]) -> bytes:
    event: dict[str, Any] = {
        "prediction_id": identifier,
        "model": "giant" if not identifier.startswith("poison") else "model-0",
        "version": "1",
        "timestamp": int(time.time() * 1000),
        "features": features,
        "prediction": True,
    }
    return json.dumps(event).encode()
