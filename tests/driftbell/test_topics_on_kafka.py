"""Topic administration, the status and looking back in time on a real Kafka, where the mock cluster has no answer."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer

from driftbell import cli
from driftbell.exit_codes import ExitCode
from tests.services.kafka import KafkaCluster

pytestmark = pytest.mark.kafka


@pytest.fixture
def config(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Path:
    """A configuration whose topics nobody else uses and that do not exist yet."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    names = ("predictions", "feedback", "alerts", "alerts_active", "metrics")
    topics = "".join(f"  {name}: {prefix}-{name}\n" for name in names)
    file = tmp_path / "driftbell.yaml"
    file.write_text(
        f"kafka: {{bootstrap.servers: '{kafka.bootstrap}'}}\n"
        f"redis: {{url: '{redis_url}'}}\n"
        f"worker: {{group: {prefix}}}\n"
        f"topics:\n  partitions: 3\n{topics}"
    )
    return file


def run(config: Path, *command: str) -> int:
    return cli.main([*command, "--config", str(config)])


def test_create_makes_what_is_missing_and_is_safe_to_repeat(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "topics", "check") == ExitCode.FOUND
    assert capsys.readouterr().out.count("does not exist") == 7

    assert run(config, "topics", "create") == ExitCode.OK
    first = capsys.readouterr().out
    assert first.count("created") == 7
    assert "all 7 topics are as they should be" in first

    assert run(config, "topics", "create") == ExitCode.OK
    assert capsys.readouterr().out.count("exists") == 7


def test_list_shows_partitions_and_settings(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "topics", "list")
    assert capsys.readouterr().out.count("missing") == 7

    assert run(config, "topics", "create") == ExitCode.OK
    capsys.readouterr()
    run(config, "topics", "list")
    lines = {line.split()[0].split("-", 1)[1]: line for line in capsys.readouterr().out.splitlines()}
    settings = "cleanup.policy=delete  message.timestamp.type=LogAppendTime  retention.ms=604800000"
    assert f"  3 partitions  replication 1  {settings}" in lines["predictions"]
    assert "cleanup.policy=compact" in lines["alerts_active"]


def test_check_finds_an_input_with_fewer_partitions(
    config: Path, kafka: KafkaCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "topics", "create") == ExitCode.OK
    config.write_text(config.read_text().replace("feedback: ", "feedback: other-"))
    feedback = next(line.split()[1] for line in config.read_text().splitlines() if "feedback:" in line)
    kafka.create_topics([feedback], partitions=2)
    capsys.readouterr()

    assert run(config, "topics", "check") == ExitCode.FOUND
    assert f"{feedback}: has 2 partitions" in capsys.readouterr().out


def test_a_replication_factor_that_the_cluster_cannot_give_is_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text().replace("  partitions: 3", "  partitions: 3\n  replication_factor: 3"))

    assert run(config, "topics", "create") == ExitCode.FAILED
    assert "fix: lower topics.replication_factor" in capsys.readouterr().err


def test_the_status_before_any_worker_ran_says_that_nobody_holds_the_partitions(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "topics", "create") == ExitCode.OK
    capsys.readouterr()

    assert run(config, "status") == ExitCode.FOUND
    text = capsys.readouterr().out
    assert "0 workers, 3 partitions, lag 0" in text
    assert "no worker has ever claimed partitions 0, 1, 2" in text


def test_events_of_the_last_minute_are_shown_and_older_ones_are_not(
    config: Path, kafka: KafkaCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "topics", "create") == ExitCode.OK
    capsys.readouterr()
    topic = next(line.split()[1] for line in config.read_text().splitlines() if "alerts:" in line)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    now_ms = time.time_ns() // 1_000_000
    for value, age_s in (("old", 3600), ("new", 1)):
        producer.produce(topic, value=value, timestamp=now_ms - age_s * 1000)
    assert producer.flush(10) == 0

    assert run(config, "events", "tail", "--since", "1m", "--limit", "1", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["value"] == "new"


def test_check_names_keys_that_another_partitioner_has_placed(
    config: Path, kafka: KafkaCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "topics", "create") == ExitCode.OK
    feedback = next(line.split()[1] for line in config.read_text().splitlines() if "feedback:" in line)
    # librdkafka's default, CRC32.
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for model in ("fraud", "churn", "ranking", "mail"):
        producer.produce(feedback, key=model, value=json.dumps({"prediction_id": "1", "model": model, "label": 1}))
    producer.produce(feedback, value=json.dumps({"prediction_id": "1", "model": "fraud", "label": 1}))
    producer.flush(10)
    capsys.readouterr()

    assert run(config, "topics", "check", "--json") == ExitCode.FOUND
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["reason"] for one in found} == {"wrong_keys"}
    assert {one["fix"].partition(" in that producer")[0] for one in found} == {
        "set partitioner=murmur2_random",
        "set the key to the model's name",
    }
