"""The services themselves: what the faults tests lean on must hold."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, Producer
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services import EmbeddedBroker, KafkaCluster, RedisCluster, RedisSentinel, RedisServer, ValkeyServer
from tests.services.fixtures import FreshTopics
from tests.services.ports import claim_port
from tests.services.tls import Certificates
from tests.services.waiting import wait_until


def _produce(settings: dict[str, str], topic: str, values: list[bytes]) -> None:
    producer = Producer({**settings, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def _read(settings: dict[str, str], topic: str, count: int) -> set[bytes]:
    consumer = Consumer({**settings, "group.id": f"reads-{topic}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        found: set[bytes] = set()

        def all_there() -> bool:
            found.update(record.value() or b"" for record in consumer.consume(count, 0.5) if not record.error())
            return len(found) >= count

        wait_until(all_there, f"{count} records of {topic} arrive")
        return found
    finally:
        consumer.close()


def test_ports_are_given_once() -> None:
    ports = [claim_port() for _ in range(20)]

    assert len(set(ports)) == 20


def test_two_processes_never_get_the_same_port() -> None:
    # So few ports that two processes meet for certain.
    code = textwrap.dedent(
        """
        import importlib.util, sys
        # The file alone: all of tests.services takes seconds to import.
        spec = importlib.util.spec_from_file_location("ports", sys.argv[1])
        ports = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(ports)
        ports.RANGE = range(31_800, 32_000)
        print([ports.claim_port() for _ in range(60)], flush=True)
        input()
        """
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for file in [str(Path(__file__).with_name("ports.py"))] * 2
    ]
    try:
        ports = [port for process in processes if process.stdout for port in json.loads(process.stdout.readline())]

        assert len(set(ports)) == 120
    finally:
        for process in processes:
            process.communicate("\n", timeout=10)


@pytest.mark.slow
def test_a_server_dies_with_a_killed_test_process(tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        from pathlib import Path
        from tests.services import RedisServer
        server = RedisServer(Path({str(tmp_path)!r}))
        server.start()
        print(server.port, flush=True)
        input()
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    port = int(parent.stdout.readline())
    client = redis.Redis(port=port)
    assert client.ping()

    parent.kill()
    parent.communicate(timeout=10)

    def gone() -> bool:
        try:
            client.ping()
        except redis.RedisError:
            return True
        return False

    wait_until(gone, "the server is gone", timeout=10)
    client.close()


async def test_a_server_outlives_the_thread_that_restarted_it(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        thread = threading.Thread(target=server.restart)
        thread.start()
        await asyncio.to_thread(thread.join)

        assert server.answers()


@pytest.mark.parametrize("kind", [RedisServer, ValkeyServer])
def test_acknowledged_writes_survive_sigkill_and_a_roll_back_loses_the_later_ones(
    tmp_path: Path, kind: type[RedisServer]
) -> None:
    with kind(tmp_path) as server, server.client(decode_responses=True) as client:
        client.set("a", "1")
        snapshot = server.snapshot()
        client.set("b", "2")

        server.restart(kill=True)
        assert client.mget("a", "b") == ["1", "2"]

        server.roll_back(snapshot)
        assert client.mget("a", "b") == ["1", None]

        server.lose_everything()
        assert client.mget("a", "b") == [None, None]


def test_a_frozen_server_times_out_and_thaws(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.pause()
        with (
            redis.Redis(port=server.port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.TimeoutError),
        ):
            client.ping()
        server.resume()

        assert server.answers()


@pytest.mark.slow
def test_redis_listens_with_password_tls_and_unix_socket(tmp_path: Path, certificates: Certificates) -> None:
    with RedisServer(tmp_path, password="s3cret", certificates=certificates, unix_socket=True) as server:
        for url, options in (
            (server.url, {}),
            (server.unix_url, {}),
            (server.tls_url, {"ssl_ca_certs": str(certificates.ca)}),
        ):
            with redis.Redis.from_url(url, **options) as client:
                assert client.ping()
        with redis.Redis(port=server.port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_sentinel_names_the_master(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "master") as server, RedisSentinel(tmp_path / "sentinel", server) as sentinel:
        found = redis.Sentinel([("127.0.0.1", sentinel.port)]).discover_master(sentinel.service)

        assert found == ("127.0.0.1", server.port)


@pytest.mark.slow
def test_a_cluster_of_three_serves_every_slot(tmp_path: Path) -> None:
    with RedisCluster(tmp_path) as cluster, redis.RedisCluster.from_url(cluster.url) as client:
        for index in range(30):
            client.set(f"key-{index}", index)

        assert all(node.client().dbsize() for node in cluster.nodes)


@pytest.mark.slow
def test_the_embedded_broker_takes_and_gives_records(embedded_broker: EmbeddedBroker) -> None:
    _produce(embedded_broker.settings, "anything", [b"1", b"2"])

    assert _read(embedded_broker.settings, "anything", 2) == {b"1", b"2"}


@pytest.mark.kafka
def test_kafka_creates_no_topic_by_itself(kafka: KafkaCluster) -> None:
    assert "never-made" not in kafka.admin().list_topics("never-made", timeout=5).topics or (
        kafka.admin().list_topics("never-made", timeout=5).topics["never-made"].error is not None
    )


@pytest.mark.kafka
def test_fresh_topics_exist_with_their_partitions(kafka: KafkaCluster, fresh_topics: FreshTopics) -> None:
    topics = fresh_topics(partitions=3)

    found = kafka.admin().list_topics(timeout=5).topics
    assert len(found[topics.predictions].partitions) == len(found[topics.feedback].partitions) == 3
    assert len(found[f"{topics.predictions}.DLQ"].partitions) == 3


@pytest.mark.kafka
def test_records_survive_the_killing_of_the_only_node(tmp_path: Path) -> None:
    with KafkaCluster(tmp_path) as cluster:
        cluster.create_topics(["kept"], 1)
        _produce(cluster.settings, "kept", [b"1"])
        cluster.restart(kill=True)
        _produce(cluster.settings, "kept", [b"2"])

        assert _read(cluster.settings, "kept", 2) == {b"1", b"2"}


@pytest.mark.kafka
def test_a_cluster_of_three_goes_on_without_one_node(kafka_of_three: KafkaCluster) -> None:
    kafka_of_three.create_topics(["replicated"], 3)
    kafka_of_three.nodes[0].kill()
    try:
        _produce(kafka_of_three.settings, "replicated", [b"%d" % n for n in range(30)])

        assert len(_read(kafka_of_three.settings, "replicated", 30)) == 30
    finally:
        kafka_of_three.nodes[0].start()
