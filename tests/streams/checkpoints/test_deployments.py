"""The store over every way to reach a Redis, and with the rights that the documentation asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import close, connect, examine
from driftbell.streams.checkpoints.checkpoint import Checkpoint, ClaimOutcome, SaveOutcome
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.errors import StoreUnavailableError
from driftbell.streams.join import JoinDelta
from tests.services import RedisSentinel, RedisServer
from tests.services.tls import Certificates

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"

FULL = Checkpoint(
    offsets={"predictions": 1},
    core=b"\x00core",
    models={"fraud": b"\xff", "gone": None},
    join=JoinDelta(put={3: {b"k": b"v"}}, drop=(1,), wait={b"w": b"l"}, unwait=(b"u",)),
    outbox=(),
)


@asynccontextmanager
async def store(**settings: Any) -> AsyncIterator[RedisCheckpointStore]:
    made = RedisCheckpointStore(connect(Redis(**settings)), "group")
    try:
        yield made
    finally:
        await made.close()


async def there_and_back(made: RedisCheckpointStore) -> None:
    """Everything that a worker and ``driftbell status`` do to the store."""
    assert (await made.claim(0, 1, "me", stale_after=60)).outcome is ClaimOutcome.FRESH
    assert await made.save(0, 1, 1, FULL) is SaveOutcome.SAVED
    assert await made.touch(0, 1, 1) is SaveOutcome.SAVED
    assert await made.lookup(0, [3], [b"k", b"absent"]) == {b"k": (3, b"v")}
    stored = (await made.claim(0, 2, "you", stale_after=60)).stored
    (status,) = await made.status([0])
    assert status.core == FULL.core
    await made.reset_fence([0])

    assert stored is not None
    assert stored.core == FULL.core
    assert stored.models == {"fraud": b"\xff"}
    assert stored.waiting == {b"w": b"l"}


WAYS: dict[str, Callable[[RedisServer, Certificates], dict[str, Any]]] = {
    "password": lambda server, _: {"url": f"redis://127.0.0.1:{server.port}/0", "password": "s3cret"},
    "database": lambda server, _: {"url": f"redis://127.0.0.1:{server.port}/3", "password": "s3cret"},
    "unix socket": lambda server, _: {"url": server.unix_url},
    "tls": lambda server, made: {"url": server.tls_url, "tls_ca_file": str(made.ca)},
}


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_checkpoint_goes_there_and_back_by_every_way(
    tmp_path: Path, certificates: Certificates, way: str
) -> None:
    with RedisServer(tmp_path, password="s3cret", certificates=certificates, unix_socket=True) as server:
        async with store(**WAYS[way](server, certificates)) as made:
            await there_and_back(made)


async def test_a_checkpoint_goes_to_the_primary_that_the_sentinels_know(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "primary", password="s3cret") as server,
        RedisSentinel(tmp_path / "sentinel", server) as sentinel,
    ):
        settings = {"url": "redis://unused/0", "password": "s3cret", "sentinels": [sentinel.address]}
        async with store(**settings, sentinel_service=sentinel.service) as made:
            await there_and_back(made)


async def test_the_rights_in_the_documentation_are_enough(tmp_path: Path) -> None:
    match = re.search(r"ACL SETUSER driftbell (.*)", OPERATIONS.read_text(encoding="utf-8"))
    assert match is not None
    with RedisServer(tmp_path) as server:
        with server.client() as admin:
            admin.execute_command("ACL", "SETUSER", "driftbell", *match.group(1).split())
        settings: dict[str, Any] = {
            "url": f"redis://127.0.0.1:{server.port}/0",
            "username": "driftbell",
            "password": "PASSWORD",
        }
        client = connect(Redis(**settings))
        assert (await examine(client)).fix == ""
        await close(client)
        async with store(**settings) as made:
            await there_and_back(made)


async def test_a_missing_right_is_named(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        with server.client() as admin:
            admin.acl_setuser("narrow", enabled=True, passwords=["+pw"], commands=["+ping"], keys=["*"])
        url = f"redis://127.0.0.1:{server.port}/0"
        async with store(url=url, username="narrow", password="pw") as made:
            with pytest.raises(StoreUnavailableError, match="NoPermissionError"):
                await made.claim(0, 1, "me", stale_after=60)


async def test_a_failover_is_an_outage_and_not_a_wrong_answer(tmp_path: Path) -> None:
    """The old primary comes back as a replica: it refuses writes, and the claim is tried again elsewhere."""
    with RedisServer(tmp_path / "primary") as primary, RedisServer(tmp_path / "old") as old:
        with old.client() as client:
            client.replicaof("127.0.0.1", primary.port)
        async with store(url=old.url) as made:
            with pytest.raises(StoreUnavailableError):
                await made.claim(0, 1, "me", stale_after=60)
