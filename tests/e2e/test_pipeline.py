"""200,000 predictions of two models through real Kafka and Redis: everything equals a recomputation from the raw input."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftbell.runtime.config.model import Config, Join, Monitoring, MonitorSettings, Reference, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from driftbell.schemas import Alert
from driftbell.schemas.codec import decode_alert, decode_metric
from driftbell.schemas.timestamps import to_epoch_ms
from driftbell.streams.records import Input
from tests.pipeline import Event, Expected, LiveProducer, Traffic, WorkerProcess, expected_of, stored_of
from tests.pipeline.oracle import read_topic
from tests.services import KafkaCluster, RedisServer
from tests.services.missing import missing
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

PARTITIONS = 4
PREDICTIONS = 200_000
WINDOW_MS = 60_000


@dataclass(frozen=True)
class Finished:
    """What is left when everything has been read."""

    config: Config
    events: list[Event]
    stored: dict[int, Expected]
    foreign: int


@pytest.fixture(scope="module")
def finished(kafka: KafkaCluster, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Publish, run one worker until all is read, stop it."""
    topics = kafka.create_all(partitions=PARTITIONS)
    config = Config(
        kafka=dict(kafka.settings),
        redis=RedisSettings(url=redis_server.url),
        topics=topics,
        worker=Worker(group=f"e2e-{topics.predictions}", session_timeout=6.0),
        join=Join(horizon=3600, cache_predictions=20_000),
        monitoring=Monitoring(
            reference=Reference(events=5000, labels=1000),
            monitors={"error_rate": MonitorSettings(keep_firing_for=10.0)},
            metrics_window=WINDOW_MS / 1000,
        ),
    )
    duration_ms = 600_000
    start_ms = int(time.time() * 1000) - duration_ms - 60_000
    start_ms -= start_ms % WINDOW_MS
    events = Traffic(11, PREDICTIONS, duration_ms, label_delay_ms=40_000).events(start_ms)
    producer = LiveProducer(config.kafka, topics, events, start_ms, paced=False)
    producer.start()
    producer.join()
    assert producer.failed == 0
    foreign = publish_with_kcat(config, start_ms + duration_ms)
    worker = WorkerProcess(tmp_path_factory.mktemp("worker"), config)
    with worker:
        published = len(events) + foreign
        wait_until(lambda: processed(redis_server, config) >= published, "everything is read", timeout=120)
        # The last windows are published a few seconds after the last labels.
        wait_until(lambda: settled(config), "the last windows are out", timeout=90, pause=2)
        worker.stop()
        assert worker.exit_code(5) == 0
    stored = {p: found for p in range(PARTITIONS) if (found := stored_of(config, p)) is not None}
    return Finished(config, events, stored, foreign)


def processed(redis: RedisServer, config: Config) -> int:
    """Records of both inputs that the checkpoints cover."""
    with redis.client() as client:
        keys = [f"driftbell:{{{config.worker.group}:{p}}}" for p in range(PARTITIONS)]
        return sum(int(client.hget(key, f"off:{stream.value}") or 0) for key in keys for stream in Input)


def settled(config: Config) -> bool:
    """Whether the labels in the latest revisions of the metrics are all the labels there are."""
    latest = latest_metrics(config)
    return bool(latest) and len({key[1] for key in latest}) >= 10


def publish_with_kcat(config: Config, at_ms: int) -> int:
    """A foreign producer: kcat, with nothing of ours but the documented partitioner."""
    kcat = shutil.which("kcat") or missing("kcat", "apt-get install kcat")
    lines = [
        json.dumps(
            {
                "prediction_id": f"kcat-{i}",
                "model": "model-0",
                "version": "1",
                "timestamp": at_ms,
                "features": {"amount": 100.0, "age": 3.0, "country": "AT"},
                "prediction": False,
            }
        )
        for i in range(50)
    ]
    subprocess.run(
        [
            kcat, "-P", "-b", str(config.kafka["bootstrap.servers"]), "-t", config.topics.predictions,
            "-k", "model-0", "-X", "partitioner=murmur2_random",
        ],
        input="\n".join(lines), text=True, check=True, timeout=30,
    )  # fmt: skip
    return len(lines)


def latest_metrics(config: Config) -> dict[tuple[str, str], tuple[int, int, int, dict[str, float]]]:
    """(model, window start) -> revision, predictions, labels, values of the highest revision."""
    latest: dict[tuple[str, str], tuple[int, int, int, dict[str, float]]] = {}
    for record in read_topic(config, config.topics.metrics, PARTITIONS):
        assert record.value is not None
        metric = decode_metric(record.value)
        key = (metric.model, metric.window_start)
        found = (metric.revision, metric.predictions, metric.labels, metric.values)
        latest[key] = max(latest.get(key, found), found, key=lambda entry: entry[0])
    return latest


def raw(finished: Finished, stream: Input) -> list[dict[str, object]]:
    """The good events of one input, as plain JSON."""
    bodies = []
    for event in finished.events:
        if event.input is stream:
            try:
                body = json.loads(event.value)
            except ValueError:
                continue
            if "prediction_id" in body:
                bodies.append(body)
    return bodies


def test_every_prediction_and_label_is_counted_once(finished: Finished) -> None:
    counts = [stored.core["counts"] for stored in finished.stored.values()]
    predictions, labels = raw(finished, Input.PREDICTIONS), raw(finished, Input.FEEDBACK)

    assert (
        sum(c["predictions"] for c in counts) == len(predictions) + finished.foreign == PREDICTIONS + finished.foreign
    )
    assert sum(c.get("labels", 0) for c in counts) == len(labels)


def test_the_join_finds_what_a_dictionary_finds(finished: Finished) -> None:
    known = {body["prediction_id"] for body in raw(finished, Input.PREDICTIONS)}
    labels = [body["prediction_id"] for body in raw(finished, Input.FEEDBACK)]
    joined = sum(stored.core["join"]["counts"]["joined"] for stored in finished.stored.values())

    assert joined == len(known.intersection(labels))


def test_state_and_decisions_equal_the_recomputation(finished: Finished) -> None:
    for partition, stored in finished.stored.items():
        expected = expected_of(finished.config, partition, stored)

        assert stored.offsets == expected.offsets
        assert stored.core == expected.core
        assert stored.models == expected.models
        assert stored.pending == expected.pending


def test_accuracy_per_window_equals_plain_arithmetic(finished: Finished) -> None:
    truth = {str(body["prediction_id"]): body["label"] for body in raw(finished, Input.FEEDBACK)}
    right: defaultdict[tuple[str, int], list[bool]] = defaultdict(list)
    for body in raw(finished, Input.PREDICTIONS):
        label = truth.get(str(body["prediction_id"]))
        if label is not None:
            start = int(str(body["timestamp"])) // WINDOW_MS * WINDOW_MS
            right[str(body["model"]), start].append(body["prediction"] == label)
    latest = {(model, to_epoch_ms(start)): row for (model, start), row in latest_metrics(finished.config).items()}
    compared = 0
    for key, answers in right.items():
        _, _, labels, values = latest[key]
        if labels == len(answers):
            compared += 1
            assert values["accuracy_score"] == pytest.approx(sum(answers) / len(answers), abs=1e-12)

    assert compared >= len(right) - 2, "all windows but the youngest must have all their labels"


def test_the_error_rate_pages_when_it_changes_and_closes_when_it_is_fixed(finished: Finished) -> None:
    alerts = alerts_of(finished)
    start = finished.events[0]
    first_ms = int(json.loads(start.value)["timestamp"])
    for model in ("model-0", "model-1"):
        episodes = [a for a in alerts if a.labels["model"] == model and a.labels["alertname"] == "ErrorRateHigh"]
        statuses = [alert.status for alert in episodes if alert.status != "pending"]
        fired = next(alert for alert in episodes if alert.status == "firing")

        assert statuses == ["firing", "resolved"]
        assert first_ms + 240_000 <= to_epoch_ms(fired.updatedAt) <= first_ms + 420_000
        assert fired.evidence.value is not None
        assert fired.evidence.value > 0.1
        assert "error rate" in fired.annotations["summary"]


def alerts_of(finished: Finished) -> list[Alert]:
    """All alert records, in the order of their partitions, by a plain consumer."""
    records = read_topic(finished.config, finished.config.topics.alerts, PARTITIONS)
    return [decode_alert(record.value) for record in records if record.value is not None]


def test_a_plain_consumer_reads_alerts_keyed_by_fingerprint_with_cloudevents_headers(finished: Finished) -> None:
    records = read_topic(finished.config, finished.config.topics.alerts, PARTITIONS)

    assert records
    for record in records:
        assert record.value is not None
        alert = json.loads(record.value)
        headers = dict(record.headers)
        assert record.key == alert["fingerprint"].encode()
        assert headers["ce_id"].decode() == alert["id"]
        assert headers["ce_specversion"] == b"1.0"


def test_what_is_over_is_a_tombstone_in_the_active_topic(finished: Finished) -> None:
    last: dict[bytes | None, bytes | None] = {}
    for record in read_topic(finished.config, finished.config.topics.alerts_active, PARTITIONS):
        last[record.key] = record.value
    latest = {alert.fingerprint: alert.status for alert in alerts_of(finished)}

    assert latest
    for fingerprint, status in latest.items():
        assert (last.get(fingerprint.encode()) is not None) == (status == "firing")


def test_rubbish_is_in_the_dead_letter_topic_with_its_reason(finished: Finished) -> None:
    topic = finished.config.topics.predictions + finished.config.topics.dead_letter_suffix
    letters = read_topic(finished.config, topic, PARTITIONS)
    rubbish = [event for event in finished.events if event.value in (b"{", b"\x00\x00\x00\x00\x01x", b'{"model": 3}')]
    reasons = {dict(letter.headers)["dlq.reason"].decode() for letter in letters}

    assert len(letters) == len(rubbish)
    assert reasons == {"not_json", "registry_framed", "missing_field"}
    assert {letter.value for letter in letters} <= {event.value for event in rubbish}


def test_the_worker_writes_nothing_to_the_working_directory(finished: Finished) -> None:
    assert not list(Path.cwd().glob("*-data"))
