"""The compose file's processes, run natively with its configuration: the same commands, on real Kafka and Redis."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from driftbell.runtime.observability.probe import probe
from tests.deploy.test_compose import OURS
from tests.services import KafkaCluster
from tests.services.ports import claim_port
from tests.services.redis import RedisServer
from tests.services.waiting import wait_until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.kafka, pytest.mark.e2e]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A cluster of its own, since the topics have the names that everybody uses."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def environment(kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The mounted file, with what differs outside the containers' network put over it."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        _create_documented_user(server)
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("DRIFTBELL_")},
            "DRIFTBELL_CONFIG": str(ROOT / "deploy" / "driftbell.yaml"),
            "DRIFTBELL_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
            "DRIFTBELL_REDIS__URL": server.url,
            "DRIFTBELL_REDIS__USERNAME": "driftbell",
            "DRIFTBELL_REDIS__PASSWORD": "PASSWORD",
            "DRIFTBELL_WORKER__HTTP_HOST": "127.0.0.1",
            "DRIFTBELL_WORKER__HTTP_PORT": str(claim_port()),
            "DRIFTBELL_ROUTER__HTTP_HOST": "127.0.0.1",
            "DRIFTBELL_ROUTER__HTTP_PORT": str(claim_port()),
            "DRIFTBELL_ROUTER__GLOBAL__SMTP_SMARTHOST": f"127.0.0.1:{claim_port()}",
        }


def _create_documented_user(server: RedisServer) -> None:
    """The Redis user of docs/operations.md, so that its rights are known to be enough."""
    (line,) = re.findall(r"^ *(ACL SETUSER .*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    with server.client() as client:
        client.execute_command(*line.split())


def _command(service: str) -> list[str]:
    return [sys.executable, "-m", "driftbell.cli", *OURS[service]["command"]]


@contextmanager
def _running(service: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(_command(service), env=environment, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _create_topics(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command("topics"), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_topics_are_created_once_and_the_job_may_run_again(environment: dict[str, str], kafka: KafkaCluster) -> None:
    first, second = _create_topics(environment), _create_topics(environment)

    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr + second.stdout + second.stderr
    topics = kafka.admin().list_topics(timeout=10).topics
    assert len(topics["predictions"].partitions) == len(topics["feedback"].partitions) == 12


@pytest.mark.parametrize("service", ["worker", "router"])
def test_a_service_becomes_ready_and_ends_with_zero_when_told(
    service: str, environment: dict[str, str], tmp_path: Path
) -> None:
    assert _create_topics(environment).returncode == 0
    port = environment[f"DRIFTBELL_{service.upper()}__HTTP_PORT"]
    log = tmp_path / "log"
    with _running(service, environment, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return probe(f"http://127.0.0.1:{port}/readyz")[0]

        try:
            wait_until(ready, "it is ready", timeout=45)
        except TimeoutError as error:
            raise AssertionError(f"{probe(f'http://127.0.0.1:{port}/readyz')}\n{log.read_text()}") from error
        assert probe(f"http://127.0.0.1:{port}/healthz")[0]

        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
