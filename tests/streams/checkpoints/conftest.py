"""A Redis Cluster for the store's contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services import RedisCluster


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three masters, shared by the session."""
    with RedisCluster(tmp_path_factory.mktemp("redis-cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster_url(redis_cluster: RedisCluster) -> Iterator[str]:
    """The address of an empty Redis Cluster."""
    yield redis_cluster.url
    for node in redis_cluster.nodes:
        with node.client() as client:
            client.flushall()
