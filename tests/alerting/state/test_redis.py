"""What only the Redis store has: outages, other people's keys, clusters, consumer groups that begin anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.errors import FencedError, NewerFormatError, StoreUnavailableError
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.store import Table
from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import connect
from tests.services.redis import RedisCluster, RedisServer


def store_on(url: str, group: str = "test", **options: int) -> RedisStore:
    return RedisStore(connect(Redis(url=url)), group, **options)


async def test_groups_do_not_meet(redis_url: str) -> None:
    one, two = store_on(redis_url, "one"), store_on(redis_url, "two")
    await one.claim(1)
    await two.claim(7)
    await one.save({Table.GROUPS: {"g": b"1"}})

    assert (await two.claim(7))[Table.GROUPS] == {}
    await one.close()
    await two.close()


async def test_all_keys_have_one_hash_tag(redis_url: str, redis_server: RedisServer) -> None:
    store = store_on(redis_url, "team")
    await store.claim(1)
    await store.save({table: {"1": b"1"} for table in Table})
    await store.close()

    with redis_server.client() as client:
        keys = client.keys("*")
    assert len(keys) == 1 + len(Table)
    assert all(key.startswith(b"{driftbell-router:team}:") for key in keys)


async def test_a_group_that_counts_from_one_again_is_let_in_when_the_old_owner_is_silent(redis_url: str) -> None:
    old, new = store_on(redis_url), store_on(redis_url, stale_ms=200)
    await old.claim(40)
    await old.save({Table.GROUPS: {"g": b"1"}})
    with pytest.raises(FencedError):
        await new.claim(1)
    await asyncio.sleep(0.3)

    assert (await new.claim(1))[Table.GROUPS] == {"g": b"1"}
    with pytest.raises(FencedError):
        await old.save({})
    await old.close()
    await new.close()


async def test_an_empty_save_keeps_the_owner_alive(redis_url: str) -> None:
    old, new = store_on(redis_url), store_on(redis_url, stale_ms=400)
    await old.claim(40)
    for _ in range(3):
        await asyncio.sleep(0.2)
        await old.save({})
    with pytest.raises(FencedError):
        await new.claim(1)
    await old.close()
    await new.close()


async def test_a_write_that_arrives_after_a_later_one_changes_nothing(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stood still finds it in its socket: its sender has long given up and written anew."""
    store = store_on(redis_url)
    await store.claim(1)
    save, late = store._save, []

    async def unanswered(**call: Any) -> int:
        late.append(call)
        raise TimeoutError

    monkeypatch.setattr(store, "_save", unanswered)
    with pytest.raises(StoreUnavailableError):
        await store.save({Table.GROUPS: {"g": b"old"}})
    monkeypatch.setattr(store, "_save", save)
    await store.save({Table.GROUPS: {"g": b"new"}})

    assert await save(**late[0]) == 0
    assert (await store.claim(1))[Table.GROUPS] == {"g": b"new"}
    await store.close()


async def test_a_newer_layout_is_refused(redis_url: str, redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.hset("{driftbell-router:test}:meta", "format", "2")
    store = store_on(redis_url)
    with pytest.raises(NewerFormatError, match="layout 2"):
        await store.claim(1)
    await store.close()


async def test_an_outage_is_unavailable_and_over_when_it_is_over(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        store = store_on(server.url)
        await store.claim(1)
        await store.save({Table.GROUPS: {"g": b"1"}})
        server.kill()
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            await store.save({Table.GROUPS: {"g": b"2"}})
        with pytest.raises(StoreUnavailableError):
            await store.claim(2)
        server.start()

        await store.save({Table.GROUPS: {"g": b"3"}})
        assert (await store.claim(2))[Table.GROUPS] == {"g": b"3"}
        await store.close()


async def test_a_full_server_refuses_and_nothing_is_half_written(tmp_path: Path) -> None:
    with RedisServer(tmp_path, options={"maxmemory": "3mb"}) as server:
        store = store_on(server.url)
        await store.claim(1)
        written = 0
        refusal = ""
        while written < 50 and not refusal:
            try:
                await store.save({Table.GROUPS: {f"{written}": b"x" * 200_000}, Table.OFFSETS: {"0": b"%d" % written}})
                written += 1
            except StoreUnavailableError as error:
                refusal = str(error)
        with server.client() as client:
            client.config_set("maxmemory", "100mb")
        tables = await store.claim(1)
        await store.close()

    assert "refuses" in refusal
    assert len(tables[Table.GROUPS]) == written
    assert tables[Table.OFFSETS] == {"0": b"%d" % (written - 1)}


@pytest.mark.slow
async def test_it_works_on_a_cluster(tmp_path: Path) -> None:
    with RedisCluster(tmp_path) as cluster:
        store = RedisStore(connect(Redis(url=cluster.url, cluster=True)), "test")
        await store.claim(1)
        await store.save({table: {"1": b"1"} for table in Table})

        assert await store.claim(2) == {table: {"1": b"1"} for table in Table}
        await store.close()
