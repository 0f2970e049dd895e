"""``driftbell alerts``: what fires now, and nothing that is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from driftbell import cli
from driftbell.embedded import EmbeddedBroker
from driftbell.exit_codes import ExitCode
from driftbell.schemas import encode_alert
from tests.alerting.alerts import make_alert


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker().start(["alerts-active"]) as running:
        file = tmp_path / "driftbell.yaml"
        file.write_text(f"kafka: {{bootstrap.servers: '{running.bootstrap_servers}'}}\n")
        monkeypatch.setenv("DRIFTBELL_CONFIG", str(file))
        yield running


def publish(broker: EmbeddedBroker, *records: tuple[str, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for key, value in records:
        producer.produce("alerts-active", value, key)
    assert producer.flush(10) == 0


def alert(model: str, severity: str) -> bytes:
    return encode_alert(make_alert(labels={"model": model, "severity": severity}))


@pytest.mark.slow
def test_what_fires_is_shown_the_gravest_first(broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    publish(
        broker, ("a", alert("churn", "warning")), ("b", alert("fraud", "critical")), ("c", alert("gone", "critical"))
    )
    publish(broker, ("c", None), ("d", b"not an alert"))

    assert cli.main(["alerts", "--json"]) == ExitCode.OK
    models = [json.loads(line)["labels"]["model"] for line in capsys.readouterr().out.splitlines()]
    assert models == ["fraud", "churn"]

    assert cli.main(["alerts", "--model", "churn"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "churn" in text
    assert "fraud" not in text


def test_nothing_fires_is_said(broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["alerts"]) == ExitCode.OK
    assert capsys.readouterr().out == "nothing fires\n"
