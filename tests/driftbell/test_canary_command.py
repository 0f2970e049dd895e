"""``driftbell canary`` where nobody listens: it says which hops were not reached, and what is wrong with its options."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from driftbell import cli
from driftbell.canary import run as flight
from driftbell.canary.hop import Step
from driftbell.embedded import EmbeddedBroker
from driftbell.exit_codes import ExitCode
from tests.services.ports import claim_port


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(flight, "LAST_WORD_SECONDS", 0.1)
    monkeypatch.setenv("DRIFTBELL_CONFIG", str(tmp_path / "driftbell.yaml"))
    return tmp_path / "driftbell.yaml"


def configure(file: Path, kafka: str, redis: str) -> None:
    file.write_text(f"kafka: {{bootstrap.servers: '{kafka}'}}\nredis: {{url: '{redis}'}}\n")


@pytest.mark.slow
def test_without_a_worker_and_a_router_it_names_both_and_publishes_the_resolve(
    file: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedBroker().start(["predictions", "alerts"]) as broker:
        configure(file, broker.bootstrap_servers, redis_url)
        begun = time.monotonic()
        assert cli.main(["canary", "--timeout", "1s", "--json"]) == ExitCode.FAILED
    assert time.monotonic() - begun < 10
    flown = json.loads(capsys.readouterr().out)
    assert {one["step"]: one["arrival"] for one in flown["hops"]} == {
        Step.PREDICTION_PUBLISHED: "arrived",
        Step.PREDICTION_SAVED: "not_saved",
        Step.ALERT_PUBLISHED: "arrived",
        Step.ALERT_READ: "not_read",
        Step.RESOLVE_PUBLISHED: "arrived",
    }
    assert "no worker has ever held it" in flown["hops"][1]["detail"]
    assert "driftbell status" in flown["hops"][1]["look_at"] and "router" in flown["hops"][3]["look_at"]


def test_without_kafka_it_says_so_for_people(file: Path, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(file, f"127.0.0.1:{claim_port()}", redis_url)
    assert cli.main(["canary", "--timeout", "100ms"]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert out.count("NOT SO") == 3 and "prediction is in Kafka (not published" in out
    assert "the alert may stay open: run the canary again" in err


def test_without_redis_nothing_is_published(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker().start(["predictions", "alerts"]) as broker:
        configure(file, broker.bootstrap_servers, f"redis://127.0.0.1:{claim_port()}")
        assert cli.main(["canary"]) == ExitCode.FAILED
        assert "is redis.url right?" in capsys.readouterr().err

        configure(file, broker.bootstrap_servers, "memory://")
        assert cli.main(["canary"]) == ExitCode.FAILED
        assert "memory://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--model", "", "--model"), ("--timeout", "0s", "--timeout"), ("--timeout", "x", "--timeout")],
)
def test_options_that_cannot_work_are_refused(
    file: Path, option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(file, "127.0.0.1:1", "redis://127.0.0.1:1")
    assert cli.main(["canary", option, value]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
