"""Restarts, moved offsets, lost input, zombies and bad set-ups on real Kafka and Redis: exact again, or refused loudly."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType

from driftbell.runtime.kafka import producer_settings
from tests.e2e.rig import PARTITIONS, Rig, metrics
from tests.pipeline.oracle import read_topic
from tests.pipeline.worker_process import FaustProcess
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture
def partitions() -> int:
    """Of the rig's topics."""
    return PARTITIONS


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path, partitions: int) -> Iterator[Rig]:
    """A pipeline of its own."""
    made = Rig.make(kafka, redis_url, tmp_path, partitions=partitions)
    yield made
    made.end()


@pytest.mark.parametrize("share", [0.0, 2.0], ids=["kafka lags behind", "kafka is ahead"])
def test_the_checkpoint_decides_where_to_go_on_not_kafkas_offset(rig: Rig, share: float) -> None:
    rig.publish(4000)
    with rig.worker():
        rig.wait_until_read()
    rig.publish(2000)
    group = rig.config.worker.group
    moved = [
        TopicPartition(topic, p, int(share * 400))
        for topic in (rig.config.topics.predictions, rig.config.topics.feedback)
        for p in range(PARTITIONS)
    ]
    request = [ConsumerGroupTopicPartitions(group, moved)]
    admin = rig.kafka.admin()
    for future in admin.alter_consumer_group_offsets(request).values():
        future.result(30)
    with rig.worker():
        rig.wait_until_read()

    assert rig.counted() == 6000
    rig.assert_exact()


def test_kafkas_offset_follows_the_checkpoint_so_that_lag_tools_stay_truthful(rig: Rig) -> None:
    rig.publish(2000)
    with rig.worker():
        rig.wait_until_read()

        admin = rig.kafka.admin()

        def shown() -> int:
            request = [ConsumerGroupTopicPartitions(rig.config.worker.group)]
            (future,) = admin.list_consumer_group_offsets(request).values()
            return sum(max(0, tp.offset) for tp in future.result(30).topic_partitions)

        wait_until(lambda: shown() == 4000, "Kafka shows the progress", timeout=20, pause=0.5)


@pytest.mark.parametrize("partitions", [PARTITIONS, 12])
def test_three_workers_keep_both_inputs_of_each_partition_together(rig: Rig, partitions: int) -> None:
    rig.publish(2000)
    for _ in range(3):
        rig.start_worker()
    for worker in rig.workers:
        worker.wait_until_it_answers()

    def held() -> list[str]:
        names = [name for worker in rig.workers for name in metrics(worker) if name.startswith("driftbell_models{")]
        return sorted(names)

    wait_until(lambda: len(held()) == partitions, "each partition is held once", timeout=40, pause=0.5)
    rig.publish(2000)
    rig.wait_until_read()
    rig.workers[1].kill()
    rig.publish(2000)
    rig.wait_until_read()
    for worker in (rig.workers[0], rig.workers[2]):
        worker.stop()
        assert worker.exit_code(5) == 0

    assert rig.counted() == 6000
    rig.assert_exact()


def test_records_deleted_by_retention_before_they_were_read_are_an_alert(rig: Rig) -> None:
    rig.publish(2000)
    with rig.worker():
        rig.wait_until_read()
    rig.publish(4000)
    topic = rig.config.topics.predictions
    _delete_up_to_now(rig, topic)
    rig.publish(400)
    with rig.worker():
        wait_until(lambda: any(a.labels["alertname"] == "InputLost" for a in rig.alerts()), "InputLost", pause=0.5)
    lost = [alert for alert in rig.alerts() if alert.labels["alertname"] == "InputLost"]

    assert {alert.labels["topic"] for alert in lost} == {topic}
    assert all(alert.status == "firing" for alert in lost)
    assert "deleted by retention" in lost[0].annotations["summary"]


def _delete_up_to_now(rig: Rig, topic: str) -> None:
    ends = [TopicPartition(topic, p, -1) for p in range(PARTITIONS)]
    admin = rig.kafka.admin()
    for future in admin.delete_records(ends).values():
        future.result(30)


def test_a_topic_that_was_created_anew_is_an_alert_and_is_read_from_its_start(rig: Rig) -> None:
    rig.publish(4000)
    with rig.worker():
        rig.wait_until_read()
    names = [rig.config.topics.predictions, rig.config.topics.feedback]
    rig.kafka.delete_topics(names)
    rig.kafka.create_topics(names, PARTITIONS)
    rig.published = 10_000
    rig.publish(400)
    with rig.worker():
        wait_until(lambda: rig.offsets()["predictions"] == 400, "the new topic is read", pause=0.5, timeout=60)
        wait_until(lambda: any(a.labels["alertname"] == "InputLost" for a in rig.alerts()), "InputLost", pause=0.5)

    assert rig.counted() == 4400


def test_a_store_that_was_emptied_is_refused_until_a_rebuild_is_asked_for(rig: Rig, redis_url: str) -> None:
    import redis

    rig.publish(2000)
    with rig.worker():
        rig.wait_until_read()
        wait_until(lambda: _group_offset(rig) > 0, "Kafka knows the group's offsets", pause=0.5)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    refused = rig.start_worker()
    code = refused.exit_code(60)

    assert code == 1
    assert "worker.on_lost_state: rebuild" in refused.log_tail().splitlines()[-1], "the last line says why"
    with rig.worker(on_lost_state="rebuild"):
        rig.wait_until_read()
    assert rig.counted() == 2000
    rig.assert_exact()


def _group_offset(rig: Rig) -> int:
    admin = rig.kafka.admin()
    request = [ConsumerGroupTopicPartitions(rig.config.worker.group)]
    (future,) = admin.list_consumer_group_offsets(request).values()
    return sum(max(0, tp.offset) for tp in future.result(30).topic_partitions)


def test_unequal_partition_counts_are_refused_with_the_fix(rig: Rig) -> None:
    new = [NewPartitions(rig.config.topics.feedback, PARTITIONS + 2)]
    admin = rig.kafka.admin()
    for future in admin.create_partitions(new).values():
        future.result(30)
    refused = rig.start_worker()

    assert refused.exit_code(60) == 1
    assert "unequal_partitions" in refused.log_tail()


def test_partitions_added_to_both_inputs_are_refused_while_state_exists(rig: Rig) -> None:
    rig.publish(400)
    with rig.worker():
        rig.wait_until_read()
    new = [NewPartitions(name, PARTITIONS + 2) for name in (rig.config.topics.predictions, rig.config.topics.feedback)]
    admin = rig.kafka.admin()
    for future in admin.create_partitions(new).values():
        future.result(30)
    refused = rig.start_worker()

    assert refused.exit_code(60) == 1
    assert "partitions_changed" in refused.log_tail()


def test_nothing_but_rubbish_sets_its_partition_aside_and_some_rubbish_does_not(rig: Rig) -> None:
    producer = Producer(producer_settings(rig.config.kafka))
    topic = rig.config.topics.predictions
    rig.publish(400)
    bodies = [b"{", b"[]", b'{"model":"m"}', b"\x00\x00\x00\x00\x07{}", b'{"prediction_id":NaN}', b"x" * 900_000, None]
    for body in bodies:
        producer.produce(topic, body, "model-0")
    producer.flush(30)
    with rig.worker() as worker:
        wait_until(lambda: rig.offsets()["predictions"] == 400 + len(bodies), "all is read", pause=0.2)
        seen = metrics(worker)
    letters = sum(value for name, value in seen.items() if name.startswith("driftbell_dead_letters_total{"))

    assert letters == len(bodies) - 1
    assert seen["driftbell_tombstones_total"] == 1
    for _ in range(300):
        producer.produce(topic, b"nope", "model-0")
    producer.flush(30)
    with rig.worker(max_consecutive_dead_letters=100) as worker:
        set_aside = "driftbell_partitions_set_aside"
        wait_until(lambda: metrics(worker)[set_aside] == 1, "the partition is set aside", timeout=60, pause=0.2)
        assert "bad records in a row" in worker.log_tail()
        before = rig.offsets()["predictions"]
        # Of eight models over four partitions; those of the partition that is set aside wait.
        rig.publish(400)
        wait_until(lambda: rig.offsets()["predictions"] >= before + 100, "the others go on", timeout=30, pause=0.2)
        assert worker.running


def test_a_second_signal_leaves_at_once_with_1_and_health_is_told(rig: Rig) -> None:
    rig.publish(400)
    worker = rig.start_worker()
    worker.wait_until_it_answers()
    assert worker.get("/healthz") == 200
    assert worker.get("/readyz") == 200
    rig.wait_until_read()
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGINT)

    assert worker.exit_code(20) == 1
    assert "second signal" in worker.log_tail()


def test_ops_metrics_tell_what_happened(rig: Rig) -> None:
    rig.publish(2000)
    with rig.worker() as worker:
        rig.wait_until_read()
        seen = metrics(worker)
        ready = json.loads(_body(worker.port))

    assert seen['driftbell_events_total{input="predictions"}'] == 2000
    assert seen['driftbell_join_total{outcome="joined"}'] == 2000
    assert seen["driftbell_rebalances_total"] >= 1
    assert sum(value for name, value in seen.items() if name.startswith("driftbell_consumer_lag_records")) == 0
    assert ready["reason"] == "ok"


def _body(port: int) -> str:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_a_value_of_10_mb_is_set_aside_and_named_where_it_does_not_fit(rig: Rig) -> None:
    topic = rig.config.topics.predictions
    larger = ConfigEntry("max.message.bytes", str(16 * 1024 * 1024), incremental_operation=AlterConfigOpType.SET)
    admin = rig.kafka.admin()
    request = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[larger])]
    for future in admin.incremental_alter_configs(request).values():
        future.result(30)
    larger_too = {"message.max.bytes": 16 * 1024 * 1024, "compression.type": "none"}
    producer = Producer(producer_settings(rig.config.kafka) | larger_too)
    rig.publish(100)
    producer.produce(topic, b"{" + b" " * 10_000_000 + b"}", "model-0")
    assert producer.flush(60) == 0
    rig.publish(100)
    with rig.worker():
        wait_until(lambda: rig.offsets()["predictions"] == 201, "all is read", pause=0.2)
    (letter,) = read_topic(rig.config, topic + rig.config.topics.dead_letter_suffix, PARTITIONS)
    headers = dict(letter.headers)

    assert headers["dlq.reason"] == b"too_large"
    assert headers["dlq.value.bytes"] == b"10000002"
    assert letter.value is not None
    assert int(headers["dlq.value.omitted.bytes"]) + len(letter.value) == 10_000_002
    assert (letter.value[:1], letter.value[-1:]) == (b"{", b"}")
    assert rig.counted() == 200


def test_fausts_own_command_runs_the_same_worker(rig: Rig, tmp_path: Path) -> None:
    rig.publish(400)
    process = FaustProcess(tmp_path / "faust", rig.config)
    process.launch()
    rig.workers.append(process)
    process.wait_until_it_answers()
    rig.wait_until_read()
    process.stop()

    assert process.exit_code(5) == 0
    assert rig.counted() == 400
    rig.assert_exact()


def test_a_worker_started_after_kill_9_answers_and_says_that_it_waits_for_the_dead_one_s_session(rig: Rig) -> None:
    first = rig.start_worker(session_timeout=12.0)
    first.wait_until_it_answers()
    first.kill()
    second = rig.start_worker(session_timeout=12.0)

    wait_until(lambda: second.get("/healthz") == 200, "the ops port answers", timeout=20, pause=0.2)
    assert second.get("/readyz") == 503
    wait_until(lambda: "waiting for the consumer group" in second.log_tail(), "the log says why", timeout=20, pause=0.2)
    second.wait_until_it_answers()
    assert "partitions assigned" in second.log_tail()
    second.stop()
