"""What must hold when a rebalance, a failing store and a save fall together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from driftbell.streams.checkpoints.checkpoint import Claim, SaveOutcome
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.timing.pace import Pace
from driftbell.streams.errors import RefusedError
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import DeadLetterRecord, Input, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import PREDICTIONS, label, prediction
from tests.streams.engine.test_engine import START_MS, House, config, predictions


@pytest.fixture
async def house() -> AsyncIterator[House]:
    # Ticks, and with them safe points, come well before a save that hangs makes the partition wait (a second).
    made = House(config(tick=0.2))
    yield made
    await made.engine.stop()


async def test_after_a_save_that_failed_nothing_later_is_saved_over_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint holds only what changed since the one before, which is not there."""
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    began, fail = asyncio.Event(), asyncio.Event()

    async def dead_letter(partition: int, letters: Sequence[DeadLetterRecord]) -> None:
        began.set()
        await fail.wait()
        raise RuntimeError("the topic may not be written")

    monkeypatch.setattr(house.broker, "dead_letter", dead_letter)
    house.deliver(Record(20, START_MS + 250, b"junk", b"fraud"))
    house.clock.now_ms += 20_000
    await asyncio.wait_for(began.wait(), 5)
    house.deliver(*predictions(10, start=21))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.engine.partitions[0].offsets[Input.PREDICTIONS] == 31, "progress beyond it")
    await eventually(lambda: house.engine.partitions[0].at_safe_point, "a safe point")
    leaving = asyncio.create_task(house.engine.revoked())
    await asyncio.sleep(0.01)
    fail.set()
    await leaving

    assert house.store._entries[0].offsets["predictions"] == 20


async def test_a_claim_that_the_store_has_lost_is_made_again(house: House) -> None:
    """Redis comes back without its last second, in which a rebalance fell: Kafka says the partition is ours."""
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    await house.engine.assigned([0], 2)
    house.store._entries[0].generation = 1
    house.deliver(*predictions(10, start=20))
    house.clock.now_ms += 5_000
    await eventually(lambda: house.broker.rewound, "the rewind")
    house.deliver(*predictions(10, start=20))
    await house.settle(30)

    assert house.engine.partitions[0].counts["predictions"] == 30
    assert house.engine.totals().fenced_saves == 0
    assert house.failures == []


async def test_a_store_that_rolled_back_is_no_failure_of_a_partition_that_goes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the last save alone meets the store as it is now.
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    house.deliver(*predictions(10, start=20))
    house.store.answer = SaveOutcome.ROLLED_BACK
    runner = house.engine.runners[0]
    monkeypatch.setattr(Pace, "due_in", lambda *_args, **_named: 1.0)
    house.clock.now_ms += 20_000
    await eventually(lambda: runner.partition.offsets[Input.PREDICTIONS] == 30, "progress")
    await eventually(lambda: runner.partition.at_safe_point, "a safe point")
    assert runner.partition.changed
    await house.engine.revoked()
    await asyncio.sleep(0.05)
    house.store.answer = None
    await house.engine.assigned([0], 2)

    assert house.failures == []
    assert house.engine.positions()[PREDICTIONS] == 20


@pytest.mark.parametrize("ending", ["revoked", "stop"])
async def test_a_claim_that_nobody_answers_any_more_holds_nobody_up(house: House, ending: str) -> None:
    """A worker that is told to stop in the middle of a rebalance: its consumer is gone before its claims are done."""
    house.broker.answers = False
    assigning = asyncio.create_task(house.engine.assigned([0, 1], 1))
    await asyncio.sleep(0.3)
    assert not house.engine.ready
    async with asyncio.timeout(2.0):
        await getattr(house.engine, ending)()
        await assigning
        # Faust's rebalance goes on, and says so once more.
        if ending == "stop":
            await house.engine.assigned([0, 1], 1)
    house.broker.answers = True
    await house.engine.assigned([0, 1], 2)

    assert house.engine.runners.keys() == (set() if ending == "stop" else {0, 1})
    assert house.failures == []


async def test_a_claim_of_a_rebalance_that_is_over_is_dropped(house: House) -> None:
    """Faust says twice that it has assigned; the second may come to its turn after the next rebalance has begun."""
    slow = asyncio.Event()
    claim = house.store.claim

    async def held(partition: int, generation: int, owner: str, *, stale_after: float) -> Claim:
        await slow.wait()
        return await claim(partition, generation, owner, stale_after=stale_after)

    house.store.claim = held  # type: ignore[method-assign]
    first = asyncio.create_task(house.engine.assigned([0], 1))
    second = asyncio.create_task(house.engine.assigned([0], 1))
    await asyncio.sleep(0.01)
    leaving = asyncio.create_task(house.engine.revoked())
    await asyncio.sleep(0.01)
    await claim(0, 2, "another", stale_after=100.0)
    house.store._entries[0].saved_at = house.clock.monotonic()
    slow.set()
    async with asyncio.timeout(2.0):
        await asyncio.gather(first, second, leaving)

    assert house.engine.runners == {}
    assert house.store._entries[0].owner == "another"


async def test_a_broker_that_does_not_know_the_position_proves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.engine.assigned([0], 1)

    async def position(source: Source) -> int:
        raise OSError("the partition is not assigned just now")

    monkeypatch.setattr(house.broker, "position", position)
    house.deliver(label(0, START_MS, of=1), stream=Input.FEEDBACK)
    house.broker.ends[PREDICTIONS] = 5
    await asyncio.sleep(0.3)

    assert house.failures == []


async def test_a_broker_that_never_tells_the_position_does_not_stop_the_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftbell.streams.engine.watermarks.BROKER_TIMEOUT_SECONDS", 0.1)
    await house.engine.assigned([0], 1)

    async def position(source: Source) -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(house.broker, "position", position)
    house.deliver(label(0, START_MS, of=1), stream=Input.FEEDBACK)
    house.broker.ends[PREDICTIONS] = 5
    await asyncio.sleep(0.5)

    assert house.engine.silent_seconds < 0.3


async def test_a_reclaim_cut_short_leaves_nothing_behind(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    began = asyncio.Event()

    async def held(partition: int, generation: int, owner: str, *, stale_after: float) -> Claim:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    claim, house.store.claim = house.store.claim, held  # type: ignore[method-assign]
    house.store.answer = SaveOutcome.ROLLED_BACK
    house.deliver(*predictions(10, start=20))
    house.clock.now_ms += 5_000
    await asyncio.wait_for(began.wait(), 5)
    await house.engine.revoked()
    house.store.claim, house.store.answer = claim, None  # type: ignore[method-assign]
    await house.engine.assigned([0], 2)

    assert house.engine._leaving == []
    assert list(house.engine.runners) == [0]
    assert house.failures == []


async def test_a_fenced_partition_that_kafka_leaves_with_us_ends_the_worker() -> None:
    house = House(config(session_timeout=0.1))
    await house.engine.assigned([0], 1)
    house.store.answer = SaveOutcome.FENCED
    house.deliver(*predictions(20))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.failures, "the refusal")
    await house.engine.stop()

    assert isinstance(house.failures[0], RefusedError)


async def test_labels_with_impossible_times_do_not_keep_saved_predictions_in_memory() -> None:
    settings = config()
    partition = Partition(0, settings)
    partition.push(Input.PREDICTIONS, [prediction(0, START_MS)])
    bad = label(0, START_MS, of=0)
    body = (bad.value or b"").replace(str(START_MS).encode(), b"1000")
    partition.push(Input.FEEDBACK, [bad._replace(value=body)])
    for stream in Input:
        partition.advance_watermark(stream, START_MS + 10_000)
    while (step := partition.next_step()) is not None:
        partition.lookups(step)
        for _ in partition.run(step):
            pass

    assert sum(count for name, count in partition.counts.items() if name.startswith("dead_letters")) == 1
    assert partition._join._memory._held == 0
