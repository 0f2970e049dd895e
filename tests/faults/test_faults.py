"""The short form of ``python -m tests.faults`` for every run of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.strike import STORES, strike
from tests.services import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A Kafka that may be killed."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka-of-faults"), nodes=3) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("name", "store"),
    [
        ("sigterm", "valkey"),
        ("sigkill", "redis"),
        ("sigstop", "redis"),
        ("redis_rolled_back", "redis"),
        ("broker_killed", "redis"),
        ("none", "redis"),
        ("follower_frozen", "redis"),
        ("leader_killed", "redis"),
        ("clock_ahead", "redis"),
        ("router_killed", "redis"),
        ("retention", "redis"),
        ("giants", "redis"),
        ("poison", "redis"),
        ("partitions_added", "redis"),
        ("key_mistakes", "redis"),
        ("crash:saved", "valkey"),
        ("crash:published", "redis"),
    ],
)
def test_state_alerts_and_pages_are_exact_after(name: str, store: str, own_kafka: KafkaCluster, tmp_path: Path) -> None:
    outcome = strike(len(name), name, tmp_path, own_kafka, STORES[store])

    assert outcome.differences == []
    assert outcome.alerts > 0
