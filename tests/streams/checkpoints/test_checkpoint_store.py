"""The contract of every checkpoint store: memory, Redis, Valkey and a Redis Cluster pass the same cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import redis.asyncio

from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import connect
from driftbell.streams.checkpoints.checkpoint import Checkpoint, CheckpointStore, ClaimOutcome, SaveOutcome
from driftbell.streams.checkpoints.memory import MemoryCheckpointStore
from driftbell.streams.checkpoints.redis import LAYOUT_VERSION, RedisCheckpointStore
from driftbell.streams.errors import RefusedError, StoreUnavailableError
from driftbell.streams.join import JoinDelta
from driftbell.streams.records import OutboxRecord, Output

EMPTY = Checkpoint(offsets={}, core=b"core", models={}, join=JoinDelta(), outbox=())

FULL = Checkpoint(
    offsets={"predictions": 120, "feedback": 7},
    core=b"core-1",
    models={"fraud": b"\x00\xff state", "m:odd name": b"x"},
    join=JoinDelta(put={3: {b"k1": b"v1", b"k2": b"v2"}, 4: {b"k3": b"v3"}}, wait={b"w1": b"label", b"w2": b"label"}),
    outbox=(
        OutboxRecord(Output.ALERTS, b"f", b"{}", (("ce_id", b"1"),)),
        OutboxRecord(Output.ALERTS_ACTIVE, b"f", None),
    ),
)


class HeldClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "redis", "valkey", "cluster"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[CheckpointStore]:
    """One of the stores, empty."""
    made: CheckpointStore
    if request.param == "memory":
        made = MemoryCheckpointStore(HeldClock())
    else:
        url = request.getfixturevalue(f"{request.param}_url")
        client = connect(Redis(url=url, cluster=request.param == "cluster"))
        made = RedisCheckpointStore(client, "group")
    yield made
    await made.close()


async def claim(store: CheckpointStore, generation: int, partition: int = 0) -> ClaimOutcome:
    return (await store.claim(partition, generation, "me", stale_after=60)).outcome


@pytest.mark.slow
async def test_a_fresh_partition_is_claimed_empty(store: CheckpointStore) -> None:
    answer = await store.claim(0, 5, "me", stale_after=60)

    assert answer.outcome is ClaimOutcome.FRESH
    assert answer.stored is None


async def test_what_is_saved_is_what_the_next_claim_returns(store: CheckpointStore) -> None:
    await claim(store, 5)
    saved = await store.save(0, 5, 1, FULL)
    answer = await store.claim(0, 6, "you", stale_after=60)

    assert saved is SaveOutcome.SAVED
    assert answer.outcome is ClaimOutcome.CLAIMED
    assert answer.holder == 5
    stored = answer.stored
    assert stored is not None
    assert stored.offsets == FULL.offsets
    assert stored.sequence == 1
    assert stored.core == b"core-1"
    assert stored.models == FULL.models
    assert stored.waiting == {b"w1": b"label", b"w2": b"label"}
    assert tuple(stored.outbox) == FULL.outbox


async def test_a_later_save_changes_only_what_it_names(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)
    later = Checkpoint(
        offsets={"predictions": 130},
        core=b"core-2",
        models={"fraud": None, "new": b"n"},
        join=JoinDelta(put={4: {b"k4": b"v4"}}, drop=(3,), unwait=(b"w1",)),
        outbox=(),
    )
    await store.save(0, 5, 2, later)
    stored = (await store.claim(0, 5, "me", stale_after=60)).stored

    assert stored is not None
    assert stored.offsets == {"predictions": 130, "feedback": 7}
    assert stored.models == {"m:odd name": b"x", "new": b"n"}
    assert stored.waiting == {b"w2": b"label"}
    assert tuple(stored.outbox) == ()
    assert await store.lookup(0, [3, 4], [b"k1", b"k3", b"k4"]) == {b"k3": (4, b"v3"), b"k4": (4, b"v4")}


async def test_a_zombie_may_neither_save_nor_touch_nor_claim(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)
    await claim(store, 6)
    zombie_save = await store.save(0, 5, 1, replace(FULL, core=b"zombie"))
    zombie_touch = await store.touch(0, 5, 1)
    zombie_claim = await store.claim(0, 5, "zombie", stale_after=60)
    stored = (await store.claim(0, 6, "me", stale_after=60)).stored

    assert zombie_save is SaveOutcome.FENCED
    assert zombie_touch is SaveOutcome.FENCED
    assert zombie_claim.outcome is ClaimOutcome.FENCED
    assert zombie_claim.holder == 6
    assert stored is not None
    assert stored.core == b"core-1"


async def test_a_silent_later_generation_gives_way_after_a_group_reset(store: CheckpointStore) -> None:
    await claim(store, 9)
    await store.save(0, 9, 1, FULL)

    assert (await store.claim(0, 1, "me", stale_after=60)).outcome is ClaimOutcome.FENCED
    assert (await store.claim(0, 1, "me", stale_after=0)).outcome is ClaimOutcome.CLAIMED


async def test_saves_out_of_turn_are_refused(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)
    await store.save(0, 5, 2, EMPTY)

    assert await store.save(0, 5, 1, FULL) is SaveOutcome.BEHIND


async def test_repeating_a_save_changes_nothing(store: CheckpointStore) -> None:
    await claim(store, 5)
    first = await store.save(0, 5, 1, FULL)
    again = await store.save(0, 5, 1, FULL)
    stored = (await store.claim(0, 5, "me", stale_after=60)).stored

    assert first is again is SaveOutcome.SAVED
    assert stored is not None
    assert stored.models == FULL.models


async def test_a_store_that_has_lost_its_last_save_is_noticed(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)

    assert await store.save(0, 5, 3, FULL) is SaveOutcome.ROLLED_BACK


async def test_a_store_that_has_lost_its_last_save_is_noticed_by_an_idle_holder(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)

    assert await store.touch(0, 5, 1) is SaveOutcome.SAVED
    assert await store.touch(0, 5, 2) is SaveOutcome.ROLLED_BACK


async def test_a_store_that_has_lost_our_claim_is_noticed(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)

    assert await store.save(0, 6, 2, FULL) is SaveOutcome.ROLLED_BACK
    assert await store.touch(0, 6, 1) is SaveOutcome.ROLLED_BACK


async def test_a_zombie_of_a_group_that_was_reset_is_not_taken_for_the_holder(store: CheckpointStore) -> None:
    await claim(store, 9)
    await store.save(0, 9, 1, FULL)
    await store.claim(0, 1, "me", stale_after=0)
    await store.save(0, 1, 2, FULL)

    assert await store.save(0, 9, 2, FULL) is SaveOutcome.FENCED
    assert await store.touch(0, 9, 1) is SaveOutcome.FENCED


async def test_a_store_that_has_lost_everything_is_noticed(store: CheckpointStore) -> None:
    assert await store.save(0, 5, 3, FULL) is SaveOutcome.LOST
    assert await store.touch(0, 5, 3) is SaveOutcome.LOST


async def test_partitions_do_not_share_anything(store: CheckpointStore) -> None:
    await claim(store, 5, partition=1)
    await store.save(1, 5, 1, FULL)

    assert (await store.claim(11, 5, "me", stale_after=60)).outcome is ClaimOutcome.FRESH
    assert await store.lookup(11, [3], [b"k1"]) == {}


async def test_the_newest_slot_wins_a_lookup(store: CheckpointStore) -> None:
    await claim(store, 5)
    twice = replace(EMPTY, join=JoinDelta(put={1: {b"k": b"old"}, 2: {b"k": b"new"}}))
    await store.save(0, 5, 1, twice)

    assert await store.lookup(0, [1, 2], [b"k", b"absent"]) == {b"k": (2, b"new")}


async def test_more_fields_than_lua_can_unpack_are_written(store: CheckpointStore) -> None:
    await claim(store, 5)
    many = {f"{i}".encode(): b"v" for i in range(30_000)}
    big = replace(
        EMPTY,
        models={f"model-{i}": b"s" for i in range(9_000)},
        join=JoinDelta(put={1: many, 2: {b"one": b"v"}}, wait=many),
    )
    await store.save(0, 5, 1, big)
    stored = (await store.claim(0, 5, "me", stale_after=60)).stored
    status = (await store.status([0]))[0]

    assert stored is not None
    assert len(stored.models) == 9_000
    assert len(stored.waiting) == 30_000
    assert status.models == 9_000


async def test_status_tells_owner_generation_and_age(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)
    (status,) = await store.status(range(3))

    assert (status.partition, status.generation, status.owner) == (0, 5, "me")
    assert status.offsets == FULL.offsets
    assert 0 <= status.age_seconds < 5
    assert status.memory_bytes > 0


async def test_the_fence_can_be_reset_by_hand(store: CheckpointStore) -> None:
    await claim(store, 9)
    await store.save(0, 9, 1, FULL)
    await store.reset_fence([0])

    assert await claim(store, 1) is ClaimOutcome.CLAIMED


@pytest.mark.slow
async def test_a_store_that_is_gone_says_so(unused_tcp_port_factory: Callable[[], int]) -> None:
    store = RedisCheckpointStore(redis.asyncio.Redis(port=unused_tcp_port_factory()), "group")

    with pytest.raises(StoreUnavailableError):
        await store.claim(0, 1, "me", stale_after=60)
    with pytest.raises(StoreUnavailableError):
        await store.lookup(0, [1], [b"k"])
    await store.close()


async def test_a_frozen_static_member_may_not_save_over_the_one_that_took_over(redis_url: str) -> None:
    """A static member that comes back gets its partitions in the same generation."""
    frozen, ours = (RedisCheckpointStore(redis.asyncio.Redis.from_url(redis_url), "group") for _ in range(2))
    await claim(frozen, 5)
    await frozen.save(0, 5, 1, FULL)
    await claim(ours, 5)
    outcomes = [
        await frozen.save(0, 5, 2, replace(FULL, core=b"frozen")),
        await frozen.touch(0, 5, 1),
        await ours.save(0, 5, 2, replace(FULL, core=b"ours")),
        await frozen.save(0, 5, 2, replace(FULL, core=b"frozen")),
    ]
    stored = (await ours.claim(0, 5, "me", stale_after=60)).stored
    await frozen.close()
    await ours.close()

    assert outcomes == [SaveOutcome.FENCED, SaveOutcome.FENCED, SaveOutcome.SAVED, SaveOutcome.FENCED]
    assert stored is not None
    assert stored.core == b"ours"


async def test_a_newer_layout_is_refused(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    store = RedisCheckpointStore(client, "group")
    await claim(store, 5)
    await store.save(0, 5, 1, FULL)
    await client.hset("driftbell:{group:0}", "v", LAYOUT_VERSION + 1)

    with pytest.raises(RefusedError, match="run the newer release again"):
        await claim(store, 6)
    await store.close()


async def test_two_claims_at_once_leave_one_holder(redis_url: str) -> None:
    stores = [RedisCheckpointStore(redis.asyncio.Redis.from_url(redis_url), "group") for _ in range(2)]
    await asyncio.gather(*(store.claim(0, 5 + i, "w", stale_after=60) for i, store in enumerate(stores)))
    saves = await asyncio.gather(*(store.save(0, 5 + i, 1, FULL) for i, store in enumerate(stores)))
    for store in stores:
        await store.close()

    assert saves == [SaveOutcome.FENCED, SaveOutcome.SAVED]


async def test_models_are_looked_up_by_name_or_the_first_of_them(store: CheckpointStore) -> None:
    await claim(store, 5)
    await store.save(0, 5, 1, replace(EMPTY, models={name: name.encode() for name in ("b", "ä", "a")}))

    assert await store.models(0, None, 2) == {"a": b"a", "b": b"b"}
    assert await store.models(0, ["ä", "unknown"], 0) == {"ä": "ä".encode()}
    assert await store.models(7, None, 2) == {} == await store.models(7, ["a"], 2)
