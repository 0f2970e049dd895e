"""The services as pytest fixtures. One Kafka and one Redis serve a whole session; faults start servers of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from driftbell.runtime.config.model import Topics
from tests.services.embedded import EmbeddedBroker
from tests.services.kafka import KafkaCluster
from tests.services.redis import RedisServer, ValkeyServer
from tests.services.tls import Certificates

FreshTopics = Callable[..., Topics]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka, one node, shared by the session: use ``fresh_topics``, and do not stop it."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_of_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka, three nodes, replication 3, at least 2 in sync. A test that kills a node restarts it."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka-of-three"), nodes=3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis shared by the session; do not stop it."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A Valkey shared by the session; do not stop it."""
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The address of an empty Redis."""
    yield redis_server.url
    with redis_server.client() as client:
        client.flushall()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> Iterator[str]:
    """The address of an empty Valkey."""
    yield valkey_server.url
    with valkey_server.client() as client:
        client.flushall()


@pytest.fixture(params=["redis", "valkey"])
def any_redis_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty Redis, then of an empty Valkey: the test runs on both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority with a server's and a client's certificate."""
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """librdkafka's mock cluster, one per test: topics appear on first use, with 4 partitions."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def fresh_topics(kafka: KafkaCluster) -> FreshTopics:
    """Makes topics that no other test uses. ``fresh_topics(partitions=12)`` creates them and returns their names."""
    return kafka.create_all
