"""``driftbell events tail`` against a broker: what is there is shown, what is not there is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, TopicPartition

from driftbell import cli
from driftbell.embedded import EmbeddedBroker
from driftbell.exit_codes import ExitCode
from driftbell_client import Client


@pytest.fixture
def config(tmp_path: Path) -> Iterator[str]:
    """A configuration for a broker that holds two predictions of each of two models, and one label."""
    with EmbeddedBroker().start(["predictions", "feedback"]) as broker:
        with Client(broker.bootstrap_servers) as client:
            for number in range(2):
                for model in ("fraud", "churn"):
                    client.predict(model, "3", "ok", prediction_id=f"{model}-{number}", features={"amount": 1.0})
            client.label("fraud", "fraud-0", "ok")
        file = tmp_path / "driftbell.yaml"
        file.write_text(f"kafka: {{bootstrap.servers: '{broker.bootstrap_servers}'}}\n")
        yield str(file)


class TimedConsumer(Consumer):
    """librdkafka's mock cluster knows no offset by time; here a time in the past is the beginning."""

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = 0.0) -> list[TopicPartition]:
        now_ms = time.time() * 1000
        return [
            TopicPartition(one.topic, one.partition, OFFSET_BEGINNING if one.offset < now_ms else OFFSET_END)
            for one in partitions
        ]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("driftbell.tail.follow"), "Consumer", TimedConsumer)


def tail(config: str, *arguments: str) -> int:
    return cli.main(["events", "tail", "--config", config, *arguments])


def test_what_is_there_is_shown_from_the_beginning(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tail(config, "--topic", "predictions", "--topic", "feedback", "--since", "beginning", "--limit", "5") == 0

    text = capsys.readouterr().out
    assert all(f"{model}-{number}" in text for model in ("fraud", "churn") for number in range(2))
    assert "fraud  fraud-0  label 'ok'" in text


@pytest.mark.slow
def test_one_model_can_be_followed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--topic", "predictions", "--since", "beginning", "--model", "churn", "--limit", "2", "--json"]
    assert tail(config, *arguments) == ExitCode.OK

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["value"]["model"] for record in records] == ["churn", "churn"]
    assert {record["topic"] for record in records} == {"predictions"}


def test_a_broker_that_is_gone_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_module("driftbell.tail.follow"), "TIMEOUT", 0.5)
    file = tmp_path / "driftbell.yaml"
    file.write_text("kafka: {bootstrap.servers: '127.0.0.1:1'}\n")

    assert tail(str(file)) == ExitCode.FAILED
    error = capfd.readouterr().err
    assert error.startswith("driftbell: no answer from Kafka at 127.0.0.1:1")
    assert len(error.splitlines()) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("timed")
def test_the_events_around_a_moment_are_shown_and_that_is_the_end(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that a page carries: begun at the end of the topics it would show nothing, for ever."""
    assert tail(config, "--model", "fraud", "--at", "1s", "--around", "2m", "--topic", "predictions") == ExitCode.OK

    lines = capsys.readouterr().out.splitlines()
    assert sum("fraud-" in line for line in lines) == 2
    assert not any("churn" in line for line in lines)


@pytest.mark.usefixtures("timed")
def test_a_moment_at_which_nothing_came_is_said_so(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tail(config, "--at", "2020-01-01T00:00:00Z", "--topic", "predictions") == ExitCode.OK

    told = capsys.readouterr()
    assert told.out == ""
    assert "nothing within 30s of 2020-01-01T00:00:00Z" in told.err


@pytest.mark.usefixtures("timed")
def test_a_moment_may_be_where_following_begins(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--since", "2020-01-01T00:00:00Z", "--topic", "predictions", "--limit", "4"]
    assert tail(config, *arguments) == ExitCode.OK

    assert len(capsys.readouterr().out.splitlines()) == 4


def test_what_is_no_moment_is_refused(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert tail(config, "--at", "yesterday") == ExitCode.USAGE
    assert "such as 10m, or a moment" in capsys.readouterr().err
