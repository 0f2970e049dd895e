"""A log that no longer holds what was read of it, noticed at a claim and while the partition is held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest

from driftbell.runtime.epochs import Span
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.engine.logs.log_watch import HOLD_SECONDS, LOOK_SECONDS
from driftbell.streams.partition.input_logs.comparison import EpochEnd
from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.records import Input, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import FEEDBACK, PREDICTIONS, label
from tests.streams.engine.test_engine import START_MS, House, _fired, config, predictions


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """It has read 20 predictions in epoch 3."""
    made = House(config())
    made.broker.ids = {stream: f"id of {stream.value}" for stream in Input}
    await made.engine.assigned([0], 1)
    fetched(made, predictions(20), [(0, 3)])
    await made.settle(20)
    yield made
    await made.engine.stop()


def fetched(house: House, records: Sequence[Record], epochs: Sequence[Span]) -> None:
    """Records of these epochs come."""
    house.broker.ends[PREDICTIONS] = records[-1].offset + 1
    house.engine.deliver(PREDICTIONS, records, None, epochs)


async def test_what_is_read_of_one_leader_is_not_asked_about(house: House) -> None:
    fetched(house, predictions(10, start=20), [(0, 3)])

    assert not house.engine.full(PREDICTIONS)
    assert house.engine.positions()[PREDICTIONS] == 30


async def test_the_first_records_of_another_leader_wait_until_it_says_that_nothing_is_lost(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 20)
    house.broker.answers = False
    fetched(house, predictions(10, start=20), [(20, 4)])
    fetched(house, predictions(10, start=30), [(20, 4)])
    assert house.engine.full(PREDICTIONS)
    assert not house.engine.full(FEEDBACK)
    assert house.engine.positions()[PREDICTIONS] == 20
    house.broker.answers = True
    await house.settle(40)

    assert not house.engine.full(PREDICTIONS)
    assert {PREDICTIONS: 3} in house.broker.epochs_asked
    assert house.broker.rewound == []
    assert house.engine.partitions[0].counts["predictions"] == 40


async def test_a_leader_after_the_next_is_asked_about_as_well(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 20)
    fetched(house, predictions(10, start=20), [(20, 4)])
    fetched(house, predictions(10, start=30), [(30, 6)])
    house.broker.epochs[PREDICTIONS] = EpochEnd(4, 30)
    await house.settle(40)

    asked = [question[PREDICTIONS] for question in house.broker.epochs_asked if PREDICTIONS in question]
    assert asked[-2:] == [3, 4]


async def test_no_watermark_passes_records_that_are_held_back(house: House) -> None:
    partition = house.engine.partitions[0]
    house.engine.logs._look = _never  # type: ignore[method-assign]
    fetched(house, predictions(10, start=20), [(20, 4)])
    house.clock.now_ms += 60_000
    house.broker.ends[FEEDBACK] = 0
    before_ms = partition.stream_ms
    await asyncio.sleep(5)

    assert partition.stream_ms <= before_ms + 20_000
    assert partition.counts["predictions"] == 20


async def _never() -> bool:
    await asyncio.Event().wait()
    return True


async def test_records_over_the_offsets_of_lost_ones_are_read_while_the_worker_runs(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 12)
    with caplog.at_level(logging.ERROR):
        fetched(house, predictions(10, start=20), [(12, 4)])
        await eventually(lambda: house.broker.rewound, "the partition begins again")
    assert house.broker.rewound == [{PREDICTIONS: 12, FEEDBACK: 0}]
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 12)
    fetched(house, predictions(18, start=12), [(12, 4)])
    await house.settle(30)

    assert house.engine.partitions[0].counts["predictions"] == 20 + 18
    assert _fired(house, "InputLost")
    assert _fired(house, "that had been read are gone from Kafka")
    assert house.engine.counts.lost_input.total() == 1
    assert "a replica without the latest records became the leader" in caplog.text
    assert house.failures == []


async def test_a_log_that_begins_again_below_is_asked_about(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 12)
    fetched(house, predictions(5), [(0, 3)])
    await eventually(lambda: house.broker.rewound, "the partition begins again")

    assert house.broker.rewound == [{PREDICTIONS: 12, FEEDBACK: 0}]


async def test_a_loss_is_noticed_though_no_records_come(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 12)
    await asyncio.sleep(LOOK_SECONDS + 1)
    await eventually(lambda: house.broker.rewound, "the partition begins again")

    assert house.engine.positions()[PREDICTIONS] == 12


async def test_a_topic_that_was_created_again_is_read_from_its_beginning_while_the_worker_runs(house: House) -> None:
    house.broker.ids[Input.PREDICTIONS] = "another"
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 500)
    house.broker.ends[PREDICTIONS] = 500
    await asyncio.sleep(LOOK_SECONDS + 1)
    await eventually(lambda: house.broker.rewound, "the partition begins again")
    assert house.engine.positions()[PREDICTIONS] == 0
    fetched(house, predictions(30), [(0, 0)])
    await house.settle(30)

    assert house.engine.partitions[0].counts["predictions"] == 50
    assert _fired(house, "was recreated")


@pytest.mark.parametrize("held", [True, False])
async def test_brokers_that_do_not_know_the_question_hold_nothing_up(house: House, held: bool) -> None:
    house.broker.ids.clear()
    house.broker.epochs.clear()
    if held:
        fetched(house, predictions(10, start=20), [(20, 4)])
        await house.settle(30)
    else:
        await asyncio.sleep(3 * LOOK_SECONDS)

    assert house.broker.rewound == []
    assert house.failures == []


async def test_a_leader_that_never_answers_holds_nothing_up_for_ever(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.broker.answers = False
    fetched(house, predictions(10, start=20), [(20, 4)])
    await asyncio.sleep(HOLD_SECONDS / 2)
    assert house.engine.positions()[PREDICTIONS] == 20
    with caplog.at_level(logging.WARNING):
        await asyncio.sleep(HOLD_SECONDS / 2 + 10)

    assert house.engine.positions()[PREDICTIONS] == 30
    assert "going on without" in caplog.text


async def test_a_partition_without_a_leader_holds_up_no_other(house: House) -> None:
    house.engine.deliver(FEEDBACK, [label(0, START_MS, of=0)], None, [(0, 1)])
    house.broker.ends[FEEDBACK] = 1
    await house.settle(1, Input.FEEDBACK)
    house.broker.leaderless = {FEEDBACK}
    ends = {1: EpochEnd(1, 1), 3: EpochEnd(3, 20), 4: EpochEnd(4, 30)}
    house.broker.answer = ends.__getitem__
    fetched(house, predictions(10, start=20), [(20, 4)])
    house.engine.deliver(FEEDBACK, [label(1, START_MS, of=1)], None, [(1, 2)])
    await asyncio.sleep(5)

    assert not house.engine.full(PREDICTIONS)
    assert house.engine.positions() == {PREDICTIONS: 30, FEEDBACK: 1}
    assert house.engine.full(FEEDBACK)
    house.broker.leaderless.clear()
    await eventually(lambda: house.engine.positions()[FEEDBACK] == 2, "the label is read")


async def test_what_is_held_back_of_a_partition_that_goes_is_dropped(house: House) -> None:
    house.broker.answers = False
    fetched(house, predictions(10, start=20), [(20, 4)])
    await house.engine.revoked()
    house.broker.answers = True
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 20)
    await house.engine.assigned([0], 2)
    assert not house.engine.full(PREDICTIONS)
    assert house.engine.positions()[PREDICTIONS] == 20
    fetched(house, predictions(10, start=20), [(20, 4)])
    await house.settle(30)

    assert house.engine.partitions[0].counts["predictions"] == 30


async def test_a_claim_asks_again_until_the_leader_holds_what_is_left(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 20)
    fetched(house, predictions(10, start=20), [(20, 4)])
    await house.settle(30)
    await house.engine.revoked()
    # Of epoch 4 the leader holds half, and of epoch 3 less than was read.
    answers = {4: EpochEnd(3, 20), 3: EpochEnd(3, 7)}
    house.broker.answer = answers.__getitem__
    await house.engine.assigned([0], 2)

    assert house.engine.positions()[PREDICTIONS] == 7
    assert house.engine.counts.lost_input.total() == 1


@pytest.mark.parametrize(("first", "losses"), [(20, 0), (24, 1)], ids=["a marker of a transaction", "retention"])
async def test_a_gap_is_a_loss_where_the_log_begins_behind_it(house: House, first: int, losses: int) -> None:
    fetched(house, predictions(10, start=24), [(0, 3)])
    house.broker.firsts[PREDICTIONS] = first
    await asyncio.sleep(LOOK_SECONDS + 1)
    house.clock.now_ms += 60_000
    if losses:
        await eventually(lambda: _fired(house, "4 records of predictions [0] were deleted by retention"), "the alert")

    assert house.engine.counts.lost_input.total() == losses
    assert house.engine.positions()[PREDICTIONS] == 34
    assert house.broker.rewound == []


async def test_a_topic_that_was_created_again_and_has_grown_past_the_checkpoint_is_told_at_the_claim(
    house: House,
) -> None:
    await house.engine.revoked()
    house.broker.ids[Input.PREDICTIONS] = "another"
    house.broker.ends[PREDICTIONS] = 500
    await house.engine.assigned([0], 2)

    assert house.engine.positions()[PREDICTIONS] == 0
    assert house.engine.counts.lost_input == {(Input.PREDICTIONS, Loss.TOPIC_RECREATED): 1}


async def test_a_checkpoint_of_before_learns_which_topics_it_is_of_though_nothing_is_read() -> None:
    house = House(config())
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    house.broker.ids = {stream: f"id of {stream.value}" for stream in Input}
    before = len(house.store.saves)
    await house.engine.assigned([0], 2)
    await eventually(lambda: len(house.store.saves) > before, "the ids are saved")
    saves = len(house.store.saves)
    await house.engine.revoked()
    await house.engine.assigned([0], 3)
    await asyncio.sleep(5)
    await house.engine.stop()

    logs = CORE_FORMAT.decode(house.store.saves[-1].core)["logs"]
    assert logs["predictions"]["topic_id"] == "id of predictions"
    assert logs["predictions"]["epochs"] == []
    assert len(house.store.saves) == saves, "once is enough"


async def test_a_log_that_is_read_from_its_beginning_again_makes_its_partition_begin_again(house: House) -> None:
    house.broker.epochs[PREDICTIONS] = EpochEnd(3, 12)
    assert not house.engine.logs.goes_back(PREDICTIONS, 20)
    assert not house.engine.logs.goes_back((Input.PREDICTIONS, 7), 0), "not ours"
    assert house.engine.logs.goes_back(PREDICTIONS, 0)
    assert house.engine.logs.goes_back(PREDICTIONS, 200), "fetched before the partition is claimed again"
    await eventually(lambda: house.broker.rewound, "the partition begins again")

    assert house.broker.rewound == [{PREDICTIONS: 12, FEEDBACK: 0}]
    assert not house.engine.logs.goes_back(PREDICTIONS, 12)
