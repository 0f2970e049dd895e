"""Dead letters: told apart, counted, and sent again once and whole."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from driftbell import cli
from driftbell.dead_letters import Letter, headers_to_resend, letter_of, summary
from driftbell.exit_codes import ExitCode
from driftbell.schemas import DeadLetterReason, dead_letter_headers
from tests.services.kafka import KafkaCluster

OWN = [("traceparent", b"00-1-2-3")]


def letter(offset: int, reason: DeadLetterReason = DeadLetterReason.NOT_JSON, topic: str = "predictions") -> Letter:
    found = letter_of(b"fraud", b"{oops", [*OWN, *dead_letter_headers(topic, 3, offset, reason, "bad")])
    assert found is not None
    return found


def test_the_origin_and_the_reason_are_read_from_the_headers() -> None:
    found = letter(17)

    assert found.identity == ("predictions", 3, 17)
    assert (found.reason, found.detail) == ("not_json", "bad")


def test_the_headers_of_the_producer_are_kept_and_ours_are_not_sent() -> None:
    assert headers_to_resend(letter(17)) == OWN


@pytest.mark.parametrize("headers", [[], [("dlq.topic", b"p")], [("dlq.topic", b"p"), ("dlq.partition", b"x")]])
def test_a_record_without_an_origin_is_no_letter_of_ours(headers: list[tuple[str, bytes | None]]) -> None:
    assert letter_of(None, b"x", headers) is None


def test_the_summary_counts_by_topic_and_reason() -> None:
    letters = [letter(1), letter(2), letter(3, DeadLetterReason.TOO_LARGE), letter(4, topic="feedback")]

    lines = list(summary(letters))

    assert lines[0].split() == ["2", "predictions", "not_json"]
    assert "partition 3, offset 2: bad" in lines[1]
    assert len(lines) == 6


def test_the_summary_escapes_control_characters() -> None:
    headers = dead_letter_headers(
        "predictions", 3, 1, DeadLetterReason.NOT_JSON, "bad \x1b[2J\r\n       9  payments  forged"
    )
    found = letter_of(b"fraud", b"{oops", headers)
    assert found is not None

    lines = list(summary([found]))

    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def config(kafka: KafkaCluster, prefix: str, tmp_path: Path) -> str:
    """Topics with three dead letters, one of them written twice, and a record of somebody else."""
    names = ("predictions", "feedback")
    kafka.create_topics([f"{prefix}-{name}{suffix}" for name in names for suffix in ("", ".DLQ")], partitions=2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    reasons = DeadLetterReason.TIMESTAMP_TOO_OLD, DeadLetterReason.TIMESTAMP_TOO_OLD, DeadLetterReason.NOT_JSON
    for offset, reason in enumerate(reasons):
        headers = [*OWN, *dead_letter_headers(f"{prefix}-predictions", 1, offset, reason, "why")]
        for _ in range(2 if offset == 0 else 1):
            producer.produce(f"{prefix}-predictions.DLQ", f"value {offset}", "fraud", headers=[*headers])
    producer.produce(f"{prefix}-predictions.DLQ", "not ours")
    assert producer.flush(10) == 0
    file = tmp_path / "driftbell.yaml"
    file.write_text(
        f"kafka: {{bootstrap.servers: '{kafka.bootstrap}'}}\n"
        f"worker: {{group: {prefix}}}\n"
        f"topics: {{predictions: {prefix}-predictions, feedback: {prefix}-feedback}}\n"
    )
    return str(file)


def dlq(config: str, *arguments: str) -> int:
    return cli.main(["dlq", *arguments, "--config", config])


def published(kafka: KafkaCluster, topic: str) -> list[tuple[bytes | str | None, object]]:
    """Value and headers of everything on a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    found: list[tuple[bytes | str | None, object]] = []
    ends = 0
    while ends < 2:
        for message in consumer.consume(10, timeout=1.0):
            if message.error() is not None:
                ends += 1
            else:
                found.append((message.value(), message.headers()))
    consumer.close()
    return found


@pytest.mark.kafka
def test_letters_are_listed_once_each(config: str, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dlq(config, "list") == ExitCode.OK

    text = capsys.readouterr().out
    assert f"2  {prefix}-predictions  timestamp_too_old" in text
    assert f"1  {prefix}-predictions  not_json" in text


@pytest.mark.kafka
def test_chosen_letters_are_published_again_whole_and_only_once(
    config: str, prefix: str, kafka: KafkaCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(config, "replay", "--reason", "timestamp_too_old", "--dry-run") == ExitCode.OK
    assert published(kafka, f"{prefix}-predictions") == []

    assert dlq(config, "replay", "--reason", "timestamp_too_old") == ExitCode.OK
    assert "2 dead letters published again" in capsys.readouterr().out
    assert published(kafka, f"{prefix}-predictions") == [(b"value 0", OWN), (b"value 1", OWN)]

    assert dlq(config, "replay") == ExitCode.OK
    assert "0 dead letters published again" in capsys.readouterr().out
    assert dlq(config, "list", "--new") == ExitCode.OK
    assert "no dead letters" in capsys.readouterr().out
