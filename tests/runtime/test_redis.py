"""The Redis client and the check of the server, on real Redis and Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import Client, RedisReason, close, connect, examine, finding_of, is_memory, judge
from tests.services import RedisCluster, RedisSentinel, RedisServer
from tests.services.tls import Certificates


@asynccontextmanager
async def _connected(**settings: Any) -> AsyncIterator[Client]:
    client = connect(Redis(**settings))
    try:
        yield client
    finally:
        await close(client)


async def test_a_healthy_server_is_ok(any_redis_url: str) -> None:
    async with _connected(url=any_redis_url) as client:
        finding = await examine(client)

    assert (finding.reason, finding.fatal) == (RedisReason.OK, False)


async def test_replies_are_bytes(redis_url: str) -> None:
    async with _connected(url=redis_url) as client:
        await client.set("a", "1")

        assert await client.get("a") == b"1"


@pytest.mark.parametrize(
    "way",
    [
        lambda server, certificates, secret: {"url": server.url},
        lambda server, certificates, secret: {"url": f"redis://127.0.0.1:{server.port}", "password": "s3cret"},
        lambda server, certificates, secret: {"url": f"redis://127.0.0.1:{server.port}", "password_file": str(secret)},
        lambda server, certificates, secret: {"url": server.unix_url},
        lambda server, certificates, secret: {"url": server.tls_url, "tls_ca_file": str(certificates.ca)},
        lambda server, certificates, secret: {
            "url": server.tls_url,
            "tls_ca_file": str(certificates.ca),
            "tls_certificate_file": str(certificates.client_certificate),
            "tls_key_file": str(certificates.client_key),
        },
    ],
    ids=["password in the url", "password", "password file", "unix socket", "tls", "mutual tls"],
)
async def test_every_form_of_address_connects(
    tmp_path: Path, certificates: Certificates, way: Callable[..., dict[str, str]]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    with RedisServer(tmp_path, password="s3cret", certificates=certificates, unix_socket=True) as server:
        async with _connected(**way(server, certificates, secret)) as client:
            assert (await examine(client)).reason is RedisReason.OK


async def test_an_untrusted_certificate_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    with RedisServer(tmp_path, certificates=certificates) as server:
        async with _connected(url=server.tls_url) as client:
            finding = await examine(client)

    assert finding.reason is RedisReason.UNREACHABLE
    assert "certificate" in finding.fix.lower()


async def test_a_wrong_or_absent_password_is_named(tmp_path: Path) -> None:
    with RedisServer(tmp_path, password="s3cret") as server:
        for settings in ({}, {"password": "wrong"}):
            async with _connected(url=f"redis://127.0.0.1:{server.port}", **settings) as client:
                finding = await examine(client)

            assert (finding.reason, finding.fatal) == (RedisReason.AUTH_FAILED, True)
            assert "redis.password" in finding.fix


async def test_an_absent_server_is_unreachable_and_may_pass(tmp_path: Path) -> None:
    port = RedisServer(tmp_path).port
    async with _connected(url=f"redis://127.0.0.1:{port}") as client:
        finding = await examine(client)

    assert (finding.reason, finding.fatal, finding.passing) == (RedisReason.UNREACHABLE, True, True)


async def test_a_frozen_server_is_unreachable_within_the_timeout(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.pause()
        async with _connected(url=server.url, timeout=0.3) as client, asyncio.timeout(2):
            assert (await examine(client)).reason is RedisReason.UNREACHABLE
        server.resume()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"maxmemory-policy": "allkeys-lru"}, RedisReason.EVICTION_ENABLED),
        ({"appendonly": "no"}, RedisReason.NOT_DURABLE),
    ],
)
async def test_a_server_that_may_lose_keys_is_named(
    tmp_path: Path, options: dict[str, str], reason: RedisReason
) -> None:
    with RedisServer(tmp_path, options=options) as server:
        async with _connected(url=server.url) as client:
            finding = await examine(client)

    assert finding.reason is reason
    assert finding.fatal is (reason is RedisReason.EVICTION_ENABLED)


async def test_a_replica_is_read_only(tmp_path: Path, redis_server: RedisServer) -> None:
    options = {"replicaof": f"127.0.0.1 {redis_server.port}"}
    with RedisServer(tmp_path, options=options) as replica:
        async with _connected(url=replica.url) as client:
            finding = await examine(client)

            assert finding.reason in {RedisReason.READ_ONLY, RedisReason.LOADING}
            with pytest.raises(exceptions.ReadOnlyError) as caught:
                await client.set("a", "1")
            assert finding_of(caught.value).reason is RedisReason.READ_ONLY


async def test_a_user_without_the_right_to_look_is_named(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        with server.client() as admin:
            admin.acl_setuser("narrow", enabled=True, passwords=["+pw"], commands=["+get", "+ping"], keys=["*"])
        async with _connected(url=server.url, username="narrow", password="pw") as client:
            assert (await examine(client)).reason is RedisReason.NO_PERMISSION


async def test_sentinels_lead_to_the_primary(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "primary", password="s3cret") as server,
        RedisSentinel(tmp_path / "sentinel", server) as sentinel,
    ):
        # The address in the url is not used, so it may be anything.
        settings = {"url": "redis://unused/0", "password": "s3cret", "sentinels": [sentinel.address]}
        async with _connected(**settings, sentinel_service=sentinel.service) as client:
            assert (await examine(client)).reason is RedisReason.OK
            await client.set("a", "1")
        with server.client() as client:
            assert client.get("a") == b"1"


@pytest.mark.slow
async def test_a_cluster_is_used_across_its_nodes_and_a_mismatch_is_named(tmp_path: Path) -> None:
    with RedisCluster(tmp_path) as cluster:
        async with _connected(url=cluster.url, cluster=True) as client:
            assert (await examine(client)).reason is RedisReason.OK
            for index in range(30):
                await client.set(f"key-{index}", index)
        assert all(node.client().dbsize() for node in cluster.nodes)

        async with _connected(url=cluster.url) as client:
            finding = await examine(client)
        assert finding.reason is RedisReason.CLUSTER_MISMATCH
        assert "redis.cluster: true" in finding.fix


async def test_a_single_server_taken_for_a_cluster_is_named(redis_url: str) -> None:
    async with _connected(url=redis_url, cluster=True) as client:
        finding = await examine(client)

    assert finding.reason is RedisReason.CLUSTER_MISMATCH
    assert "redis.cluster: false" in finding.fix


@pytest.mark.parametrize(
    ("information", "reason"),
    [
        ({"redis_version": "5.0.14"}, RedisReason.TOO_OLD),
        ({"redis_version": "6.0.16"}, RedisReason.TOO_OLD),
        ({"redis_version": "6.2.0"}, RedisReason.OK),
        ({"redis_version": "7.2.4", "server_name": "valkey"}, RedisReason.OK),
        ({"redis_version": "8.2.1", "loading": 1}, RedisReason.LOADING),
        ({"redis_version": "7.0.0", "role": "slave"}, RedisReason.READ_ONLY),
        ({"redis_version": "7.0.0", "maxmemory_policy": "volatile-ttl"}, RedisReason.EVICTION_ENABLED),
    ],
)
def test_what_info_says_is_judged(information: dict[str, Any], reason: RedisReason) -> None:
    assert judge(information).reason is reason


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://x"}, "redis://"),
        ({"url": "memory://"}, "no server"),
        ({"sentinels": ["a:1"]}, "redis.sentinel_service"),
        ({"sentinels": ["a"], "sentinel_service": "s"}, "not host:port"),
        ({"sentinels": ["a:1"], "sentinel_service": "s", "cluster": True}, "exclude"),
        ({"url": "unix:///tmp/x", "cluster": True}, "redis:// or rediss://"),
    ],
)
def test_contradicting_settings_are_refused_with_the_fix(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connect(Redis(**settings))


def test_memory_is_recognised() -> None:
    assert is_memory(Redis(url="memory://"))
    assert not is_memory(Redis())
