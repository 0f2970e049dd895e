"""Who has started neither Kafka nor Redis reads of both, and soon."""

from __future__ import annotations

import socket
import time

import pytest

from driftbell.runtime.config.model import Config, Redis, Worker
from driftbell.streams.errors import RefusedError
from driftbell.streams.kafka import preflight


@pytest.mark.slow
def test_a_worker_without_redis_and_kafka_names_both_within_15_seconds() -> None:
    config = Config(kafka={"bootstrap.servers": "127.0.0.1:1"}, redis=Redis(url="redis://127.0.0.1:2/0"))
    begun = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        preflight.check(config)

    assert time.monotonic() - begun < 15
    assert "kafka: Kafka at 127.0.0.1:1 does not answer" in str(refused.value)
    assert "redis: " in str(refused.value)
    assert "KafkaError{" not in str(refused.value)


def test_a_second_worker_on_the_machine_reads_which_port_is_taken_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (finding,) = preflight._port_findings(Config(worker=Worker(http_port=port)))

    assert finding.fatal
    assert f"cannot listen on 127.0.0.1:{port}" in finding.message
    assert "worker.http_port" in finding.message


@pytest.mark.parametrize("port", [0, None])
def test_any_free_port_or_none_is_never_taken(port: int | None) -> None:
    assert preflight._port_findings(Config(worker=Worker(http_port=port))) == []


def test_partitions_that_are_added_while_a_worker_runs_are_refused_with_what_to_do() -> None:
    with pytest.raises(RefusedError, match=r"partitions_changed: partitions \[4, 5\] were added .* new worker.group"):
        preflight.refuse_added(Config(), 4, {5, 0, 4})


@pytest.mark.parametrize("known", [4, None])
def test_partitions_of_the_start_are_taken(known: int | None) -> None:
    preflight.refuse_added(Config(), known, range(4))
