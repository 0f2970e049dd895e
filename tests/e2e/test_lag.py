"""A worker that has read everything says so: lag is 0, whatever a producer's transactions leave in the log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from driftbell.streams.records import Input
from tests.e2e.rig import Rig, metrics
from tests.pipeline import WorkerProcess
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]

TRANSACTIONS = 5


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig.make(kafka, redis_url, tmp_path, partitions=1)
    yield made
    made.end()


def transact(rig: Rig, *, last_aborted: bool) -> None:
    """Five transactions of a prediction and its label; each leaves a marker in both inputs."""
    producer = Producer({**rig.kafka.settings, "transactional.id": uuid.uuid4().hex, "log_level": 0})
    producer.init_transactions()
    for number in range(TRANSACTIONS):
        about = f'"prediction_id":"{uuid.uuid4().hex}","model":"m","timestamp":{int(time.time() * 1000)}'
        producer.begin_transaction()
        producer.produce(rig.config.topics.predictions, f'{{{about},"version":"1","prediction":true}}'.encode(), "m")
        producer.produce(rig.config.topics.feedback, f'{{{about},"label":true}}'.encode(), "m")
        producer.flush(30)
        producer.abort_transaction() if last_aborted and number == TRANSACTIONS - 1 else producer.commit_transaction()


def lags(rig: Rig, worker: WorkerProcess) -> list[float | None]:
    """By input, what the worker's own metric says."""
    found = metrics(worker)
    topics = rig.config.topics
    name = 'driftbell_consumer_lag_records{{partition="0",topic="{}"}}'
    return [found.get(name.format(stream.topic(topics))) for stream in Input if stream.spec.merged]


@pytest.mark.parametrize("read_committed", [False, True])
def test_a_workers_lag_is_0_when_only_markers_and_aborted_records_are_left(rig: Rig, read_committed: bool) -> None:
    transact(rig, last_aborted=True)

    with rig.worker(read_committed=read_committed) as worker:
        wait_until(lambda: lags(rig, worker) == [0, 0], "lag is 0", timeout=30, pause=0.2)
        counted = metrics(worker)['driftbell_events_total{input="predictions"}']
        assert counted == TRANSACTIONS - read_committed
        transact(rig, last_aborted=False)
        wait_until(lambda: metrics(worker)['driftbell_events_total{input="predictions"}'] > counted, "more", timeout=30)
        wait_until(lambda: lags(rig, worker) == [0, 0], "lag is 0 again", timeout=30, pause=0.2)

    with rig.worker(read_committed=read_committed) as again:
        wait_until(
            lambda: lags(rig, again) == [0, 0], "lag is 0 after a restart, with nothing to read", timeout=30, pause=0.2
        )
