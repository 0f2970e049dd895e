"""An idle partition is known to live, and never looks unsaved; one with unsaved work does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from driftbell.streams.checkpoints.checkpoint import ClaimOutcome, PartitionStatus
from driftbell.streams.engine.runner import TOUCH_SECONDS
from tests.streams.engine.test_engine import House, config, predictions

HOUR = 3600

#: It sleeps for a quarter of ``TOUCH_SECONDS`` at a time.
LONGEST = 1.25 * TOUCH_SECONDS + 1


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(config(tick=1.0))
    yield made
    await made.engine.stop()
    assert made.failures == []


async def pass_time(house: House, seconds: int) -> float:
    """Let time pass on every clock; returns the oldest that the checkpoint of partition 0 has looked."""
    oldest = 0.0
    for _ in range(seconds):
        house.clock.now_ms += 1000
        await asyncio.sleep(1)
        oldest = max(oldest, house.engine.checkpoint_age(0))
    return oldest


async def status(house: House) -> PartitionStatus:
    (one,) = await house.store.status([0])
    return one


@pytest.mark.slow
async def test_an_idle_partition_with_models_never_looks_unsaved(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(60))
    await house.settle(60)
    assert house.engine.partitions[0].wants_tick, "it is woken each second"

    assert await pass_time(house, HOUR) <= LONGEST
    assert (await status(house)).age_seconds <= LONGEST


@pytest.mark.slow
async def test_a_worker_that_restored_a_partition_and_reads_nothing_is_known_to_live(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(60))
    await house.settle(60)
    await house.engine.revoked()
    await asyncio.sleep(HOUR)

    await house.engine.assigned([0], 3)
    await asyncio.sleep(3)
    assert (await status(house)).age_seconds < 4, "from the start"
    await pass_time(house, 200)
    zombie = await house.store.claim(0, 2, "zombie", stale_after=60.0)

    assert zombie.outcome is ClaimOutcome.FENCED, "an earlier generation may not take it over"


async def test_a_partition_that_never_held_a_record_has_a_worker_that_lives(house: House) -> None:
    await house.engine.assigned([0], 1)
    assert await pass_time(house, 100) <= LONGEST

    one = await status(house)
    assert (one.owner, one.core) == ("test", b"")
    assert one.age_seconds <= LONGEST


async def test_a_claim_without_a_save_that_the_store_has_lost_is_made_again(house: House) -> None:
    await house.engine.assigned([0], 1)
    await pass_time(house, 15)
    house.store._entries.clear()
    await pass_time(house, 15)

    house.deliver(*predictions(60))
    await house.settle(60)
    assert house.engine.counts.rolled_back_stores == 1


@pytest.mark.slow
async def test_what_is_processed_and_not_saved_shows_as_an_ever_older_checkpoint(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(60))
    await house.settle(60)
    monkeypatch.setattr("driftbell.streams.partition.partition.Partition.at_safe_point", False)
    house.deliver(*predictions(60, start=60))

    await pass_time(house, 100)

    assert house.engine.partitions[0].changed
    assert house.engine.checkpoint_age(0) > 90
    assert (await status(house)).age_seconds <= LONGEST, "its worker lives all the same"
