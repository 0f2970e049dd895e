"""An unclean election: a replica without the latest records becomes the leader, and their offsets are used again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from driftbell.runtime.kafka import producer_settings
from tests.e2e.rig import Rig
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]

#: Records that both replicas have; those that only the first has; and those that the second gets afterwards: more predictions
#: than were lost, so that the log goes on behind what was read, and fewer labels, so that it ends before.
COMMON, LOST, NEW_PREDICTIONS, NEW_LABELS = 200, 100, 300, 40


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    """Three brokers that soon notice what is gone."""
    hasty = {"replica.lag.time.max.ms": "2000", "unclean.leader.election.interval.ms": "1000"}
    with KafkaCluster(tmp_path / "kafka", nodes=3, properties=hasty) as cluster:
        yield cluster


def _publish(rig: Rig, kind: str, predictions: int, labels: int) -> None:
    """Predictions and labels that are told apart by their kind."""
    topics = rig.config.topics
    producer = Producer(producer_settings(rig.config.kafka) | {"acks": 1, "enable.idempotence": False, "log_level": 0})
    now_ms = int(time.time() * 1000)
    for number in range(predictions):
        event = {
            "prediction_id": f"{kind}-{number}",
            "model": "fraud",
            "version": "1",
            "timestamp": now_ms,
            "features": {"amount": number % 17},
            "prediction": True,
        }
        producer.produce(topics.predictions, msgspec.json.encode(event), "fraud")
    for number in range(labels):
        event = {"prediction_id": f"{kind}-{number}", "model": "fraud", "label": True, "timestamp": now_ms}
        producer.produce(topics.feedback, msgspec.json.encode(event), "fraud")
    assert producer.flush(60) == 0


def _rig(cluster: KafkaCluster, redis_url: str, folder: Path, replicas: list[int]) -> Rig:
    """Inputs of one partition with two replicas, of which the first leads; the third broker keeps the quorum."""
    rig = Rig.make(cluster, redis_url, folder, partitions=1, checkpoint_patience=120.0)
    names = {"predictions": f"two-{rig.config.topics.predictions}", "feedback": f"two-{rig.config.topics.feedback}"}
    settings = {
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
        "unclean.leader.election.enable": "true",
    }
    new = [NewTopic(name, 1, replica_assignment=[replicas], config=settings) for name in names.values()]
    admin = cluster.admin()
    for future in admin.create_topics(new, operation_timeout=30).values():
        future.result(30)
    letters = [name + rig.config.topics.dead_letter_suffix for name in names.values()]
    cluster.create_topics(letters, 1)
    topics = msgspec.structs.replace(rig.config.topics, **names)
    rig.config = msgspec.structs.replace(rig.config, topics=topics)
    return rig


def _in_sync(rig: Rig) -> list[int]:
    partitions = rig.kafka.admin().list_topics(timeout=5).topics[rig.config.topics.predictions].partitions
    return sorted(partitions[0].isrs)


def _leaders(rig: Rig, names: list[str]) -> set[int]:
    topics = rig.kafka.admin().list_topics(timeout=5).topics
    return {topics[name].partitions[0].leader for name in names}


def _read(rig: Rig, predictions: int, labels: int) -> bool:
    return rig.offsets() == {"predictions": predictions, "feedback": labels}


def test_every_new_record_is_read_and_the_loss_is_told(cluster: KafkaCluster, redis_url: str, tmp_path: Path) -> None:
    first, second, _ = cluster.nodes
    alive = _rig(cluster, redis_url, tmp_path / "alive", [first.node_id, second.node_id])
    group = msgspec.structs.replace(alive.config.worker, group=f"{alive.config.worker.group}-away")
    away = Rig(cluster, msgspec.structs.replace(alive.config, worker=group), tmp_path / "away")
    try:
        _publish(alive, "common", COMMON, COMMON)
        for rig in (alive, away):
            rig.start_worker()
        wait_until(lambda: _read(alive, COMMON, COMMON) and _read(away, COMMON, COMMON), "the common records are read")
        second.kill()
        wait_until(lambda: _in_sync(alive) == [first.node_id], "the follower is no longer in sync", timeout=40)
        _publish(alive, "lost", LOST, LOST)
        end = COMMON + LOST
        wait_until(lambda: _read(alive, end, end) and _read(away, end, end), "the records to be lost are read")
        away.workers[0].stop()
        first.kill()
        second.start()
        topics = alive.config.topics
        names = [topics.predictions, topics.feedback]
        wait_until(lambda: _leaders(alive, names) == {second.node_id}, "the stale replica leads", timeout=60)
        _publish(alive, "new", NEW_PREDICTIONS, NEW_LABELS)
        away.start_worker()
        ends = COMMON + NEW_PREDICTIONS, COMMON + NEW_LABELS
        wait_until(
            lambda: _read(alive, *ends) and _read(away, *ends), "the new records are read", timeout=90, pause=0.5
        )
        wait_until(lambda: len(_losses(alive)) == 2, "both losses are told", timeout=30, pause=0.5)
        # What is in the topics has been read once, what was lost is still counted, and nothing was refused.
        for rig in (alive, away):
            assert rig.workers[-1].running
            (stored,) = rig.stored().values()
            counts = stored.core["counts"]
            assert counts["predictions"] == COMMON + LOST + NEW_PREDICTIONS
            assert counts["labels"] == COMMON + LOST + NEW_LABELS
            assert stored.core["join"]["counts"]["joined"] == COMMON + LOST + NEW_LABELS
        assert len(alive.workers) == 1
        assert "a replica without the latest records became the leader" in alive.workers[0].log_tail()
        first.start()
    finally:
        for rig in (alive, away):
            rig.end()


def _losses(rig: Rig) -> dict[str, str]:
    """The alerts about lost input of the rig's own group, by topic."""
    return {
        alert.labels["topic"]: alert.annotations["summary"]
        for alert in rig.alerts()
        if alert.labels["alertname"] == "InputLost"
        and alert.evidence.reason == "tail_lost"
        and f"{LOST:,} records of {alert.labels['topic']}" in alert.annotations["summary"]
    }
