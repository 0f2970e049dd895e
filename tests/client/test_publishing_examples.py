"""The documented ways to publish, run against Apache Kafka: all events of a model land on one partition and decode."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from driftbell.schemas import decode_feedback, decode_prediction
from tests.client.reading import read
from tests.services.fixtures import FreshTopics
from tests.services.kafka import KafkaCluster
from tests.services.kafka.jars import java, kafka_jars
from tests.services.missing import missing

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def console_producer(tmp_path: Path) -> Path:
    """A folder with Kafka's ``kafka-console-producer.sh``, as the distribution's ``bin`` has it."""
    script = tmp_path / "kafka-console-producer.sh"
    classpath = shlex.quote(f"{kafka_jars()}/*")
    script.write_text(
        f'#!/bin/sh\nexec {shlex.quote(java())} -cp {classpath} org.apache.kafka.tools.ConsoleProducer "$@"\n'
    )
    script.chmod(0o755)
    return tmp_path


@pytest.mark.kafka
def test_every_documented_way_to_publish_works_and_agrees_on_the_partition(
    kafka: KafkaCluster, fresh_topics: FreshTopics, console_producer: Path
) -> None:
    shutil.which("kcat") or missing("kcat", "apt-get install kcat")
    # With 7 partitions CRC32, librdkafka's default, would place the key "fraud" on another one than murmur2 does.
    topics = fresh_topics(partitions=7)
    environment = {
        **os.environ,
        "PATH": f"{console_producer}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "client" / "src"),
    }
    for command in (
        [sys.executable, str(EXAMPLES / "publish_client.py")],
        [sys.executable, str(EXAMPLES / "publish_plain.py")],
        [str(EXAMPLES / "publish_kcat.sh")],
        [str(EXAMPLES / "publish_java.sh")],
    ):
        arguments = [kafka.bootstrap, topics.predictions, topics.feedback]
        done = subprocess.run(
            command + arguments, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr

    predictions = read(kafka.bootstrap, topics.predictions, 103)
    labels = read(kafka.bootstrap, topics.feedback, 103)
    predicted = {decode_prediction(record.value() or b"").prediction_id for record in predictions}
    labelled = {decode_feedback(record.value() or b"").prediction_id for record in labels}
    assert len(predicted) == 103
    assert predicted == labelled
    assert {"plain-1", "kcat-1", "java-1"} < predicted
    assert {record.key() for record in predictions + labels} == {b"fraud"}
    assert len({record.partition() for record in predictions + labels}) == 1
