"""Everything that once ended the workers again at each start, all of it at once, before three workers that are restarted.

Each cause has a partition of its own. Up again after three restarts at most (there should be none), they have read everything
but what is set aside, and what they stepped over is in the dead letters and named.
"""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from driftbell.runtime.kafka import producer_settings
from driftbell.streams.partition.placement import partition_of
from tests.e2e.rig import Rig, metrics
from tests.faults.records import POISON_AMOUNT, poisonous_environment
from tests.pipeline import WorkerProcess
from tests.pipeline.oracle import read_partition
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]

GIANT_KEY, GIANTS_TOGETHER, GIANT_NAME, POISON, CROWD, RUBBISH = range(6)
PARTITIONS = 6
MOST_MODELS, MOST_BAD_IN_A_ROW = 40, 100
TOPIC_BYTES, RECORD_BYTES = 12 * 1024 * 1024, 4 * 1024 * 1024
#: Good predictions of each partition, before the cause and after it.
GOOD = 20


def _names(partition: int) -> Iterator[str]:
    """Names of models whose place is that partition."""
    names = (f"model-{number}" for number in itertools.count())
    return (name for name in names if partition_of(name.encode(), PARTITIONS) == partition)


@dataclass
class Fleet:
    """Workers that are started again when they end, as by systemd or Kubernetes."""

    rig: Rig
    workers: list[WorkerProcess] = field(default_factory=list)
    restarts: int = 0

    def start(self, number: int) -> None:
        """So many workers."""
        for at in range(number):
            folder = self.rig.folder / f"worker-{at}"
            worker = WorkerProcess(folder, self.rig.config, env=poisonous_environment())
            self.workers.append(worker)
            self.rig.workers.append(worker)
            worker.launch()

    def until(self, true: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait, and restart meanwhile who has ended."""

        def looked() -> bool:
            for worker in self.workers:
                if not worker.running:
                    self.restarts += 1
                    worker.launch()
            return true()

        wait_until(looked, what, timeout=timeout, pause=0.5)


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    """An input topic that takes 12 MB, and small limits of the workers."""
    made = Rig.make(
        kafka, redis_url, tmp_path, partitions=PARTITIONS, max_record_bytes=RECORD_BYTES,
        max_models_per_partition=MOST_MODELS, max_consecutive_dead_letters=MOST_BAD_IN_A_ROW,
    )  # fmt: skip
    larger = ConfigEntry("max.message.bytes", str(TOPIC_BYTES), incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, made.config.topics.predictions, incremental_configs=[larger])
    admin = kafka.admin()
    for future in admin.incremental_alter_configs([topic]).values():
        future.result(30)
    yield made
    made.end()


def _event(model: str, identifier: str, features: dict[str, float]) -> bytes:
    return msgspec.json.encode(
        {
            "prediction_id": identifier,
            "model": model,
            "version": "1",
            "timestamp": int(time.time() * 1000),
            "features": features,
            "prediction": True,
        }
    )


def _publish(rig: Rig) -> Counter[int]:
    """Good events, the causes, good events again; returns how many records there are by partition."""
    large = {"message.max.bytes": TOPIC_BYTES, "compression.type": "none", "linger.ms": 100, "log_level": 0}
    producer = Producer(producer_settings(rig.config.kafka) | large)
    topic, sent = rig.config.topics.predictions, Counter[int]()

    def send(partition: int, value: bytes, key: str | bytes | None = None) -> None:
        producer.produce(topic, value, key or next(_names(partition)), partition)
        sent[partition] += 1

    def good(moment: str) -> None:
        for partition in range(PARTITIONS):
            model = next(_names(partition))
            for number in range(GOOD):
                send(partition, _event(model, f"{moment}-{number}", {"amount": 1.0}))

    good("before")
    send(GIANT_KEY, b"{", b"k" * 1_048_400)
    send(GIANT_KEY, b"{")
    send(GIANT_KEY, b"v" * 1_048_400)
    for number in range(3):
        wide = {f"{number}-{at}-" + "n" * 200: float(at) for at in range(9_500)}
        send(GIANTS_TOGETHER, _event(next(_names(GIANTS_TOGETHER)), f"wide-{number}", wide))
    send(GIANT_NAME, _event(next(_names(GIANT_NAME)), "name", {"n" * 200_000: 1.0}))
    for number in range(2):
        send(POISON, _event(next(_names(POISON)), f"poison-{number}", {"amount": POISON_AMOUNT}))
    for name in itertools.islice(_names(CROWD), 1, MOST_MODELS + 31):
        send(CROWD, _event(name, name, {"amount": 1.0}), name)
    for _ in range(3 * MOST_BAD_IN_A_ROW):
        send(RUBBISH, b"nope")
    good("after")
    assert producer.flush(60) == 0
    return sent


def _saved(rig: Rig) -> dict[int, int]:
    import redis

    with redis.Redis.from_url(rig.config.redis.url) as client:
        keys = {p: f"driftbell:{{{rig.config.worker.group}:{p}}}" for p in range(PARTITIONS)}
        return {p: int(client.hget(key, "off:predictions") or 0) for p, key in keys.items()}


def test_nothing_in_a_topic_keeps_the_workers_down(rig: Rig) -> None:
    sent = _publish(rig)
    fleet = Fleet(rig)
    fleet.start(3)

    def all_but_the_rubbish() -> bool:
        saved = _saved(rig)
        return all(saved[partition] == count for partition, count in sent.items() if partition != RUBBISH)

    fleet.until(all_but_the_rubbish, "all is read that can be", timeout=90)
    fleet.until(lambda: len(_poison_alerts(rig)) == 1, "the poison is told", timeout=30)
    fleet.until(lambda: _set_aside(fleet) == [f"partition {RUBBISH}"], "the rubbish is set aside and named", timeout=30)

    assert fleet.restarts <= 3
    assert _poison_alerts(rig) == [str(POISON)]
    assert not any("OutOfOrder" in worker.log_tail() for worker in fleet.workers)
    letters = rig.config.topics.predictions + rig.config.topics.dead_letter_suffix
    reasons: dict[int, Counter[bytes]] = {}
    for partition in range(PARTITIONS):
        for letter in read_partition(rig.config, letters, partition):
            headers = dict(letter.headers)
            origin = int(headers["dlq.partition"])
            reasons.setdefault(origin, Counter())[headers["dlq.reason"]] += 1
    assert reasons[GIANT_KEY] == {b"not_json": 3}
    assert GIANTS_TOGETHER not in reasons
    assert reasons[GIANT_NAME] == {b"text_too_long": 1}
    assert reasons[POISON] == {b"poison_record": 2}
    assert reasons[CROWD] == {b"too_many_models": 31}
    counted = {p: stored.core["counts"]["predictions"] for p, stored in rig.stored().items() if p != RUBBISH}
    assert counted == {
        GIANT_KEY: 2 * GOOD,
        GIANTS_TOGETHER: 2 * GOOD + 3,
        GIANT_NAME: 2 * GOOD,
        POISON: 2 * GOOD,
        CROWD: 2 * GOOD + MOST_MODELS - 1,
    }


def _poison_alerts(rig: Rig) -> list[str]:
    """The partitions that say that they have stepped over records."""
    return [
        alert.labels["partition"]
        for alert in rig.alerts()
        if alert.labels["alertname"] == "PoisonRecord" and alert.status == "firing"
    ]


def _set_aside(fleet: Fleet) -> list[str]:
    """What the ops endpoints say of partitions that are set aside; the metric and the readiness must agree."""
    number = sum(metrics(worker)["driftbell_partitions_set_aside"] for worker in fleet.workers)
    details = [detail for worker in fleet.workers if (detail := _readiness(worker))]
    return details if len(details) == number else []


def _readiness(worker: WorkerProcess) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/readyz", timeout=5) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    said = json.loads(body)
    return f"partition {RUBBISH}" if f"partition {RUBBISH}" in json.dumps(said) else ""
