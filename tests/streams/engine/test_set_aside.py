"""A partition that fails is set aside, not the worker: it is tried again, and led past the record that it fails at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from driftbell.runtime.observability.ops import Health
from driftbell.schemas import Alert
from driftbell.schemas.codec import decode_alert
from driftbell.streams.engine.runner import Stopped
from driftbell.streams.engine.set_aside import PAUSES_SECONDS
from driftbell.streams.errors import TooManyDeadLettersError
from driftbell.streams.observability.ops import readiness
from driftbell.streams.partition.models import Models
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Output, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import PREDICTIONS, label, prediction
from tests.streams.engine.test_engine import START_MS, House, config, predictions

POISON = -666.0


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(config())
    yield made
    await made.engine.stop()
    assert made.failures == []


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that fails at every prediction whose amount is POISON."""
    add = Models.add_predictions

    def fail(self: Models, events: Any, *args: Any) -> None:
        if any(event.features.get("amount") == POISON for event in events):
            raise RuntimeError("half way")
        add(self, events, *args)

    monkeypatch.setattr(Models, "add_predictions", fail)


class Topics:
    """What lies in the topics of each partition: it is fetched again from wherever the engine stands."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.records: dict[int, list[Record]] = {}
        house.broker.while_rewinding = self._fetch_soon

    def _fetch_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.fetch)

    def append(self, partition: int, *records: Record) -> None:
        self.records.setdefault(partition, []).extend(records)
        self.house.broker.ends[Input.PREDICTIONS, partition] = len(self.records[partition])
        self.fetch()

    def fetch(self) -> None:
        for (stream, partition), position in self.house.engine.positions().items():
            source = stream, partition
            if stream is Input.PREDICTIONS and not self.house.engine.full(source):
                self.house.engine.deliver(source, self.records.get(partition, [])[position:])


def bad_at(offsets: set[int], count: int) -> list[Record]:
    return [prediction(i, START_MS + i * 10, value=POISON if i in offsets else 1.0 + i % 7) for i in range(count)]


def alerts(house: House, name: str) -> list[Alert]:
    found = [decode_alert(r.value) for r in house.broker.published if r.output is Output.ALERTS and r.value]
    return [alert for alert in found if alert.labels["alertname"] == name]


def ready(house: House) -> Health:
    app: Any = SimpleNamespace(engine=house.engine)
    return readiness(app)


def read(house: House, partition: int, count: int) -> Callable[[], bool]:
    def done() -> bool:
        held = house.engine.partitions.get(partition)
        return held is not None and held.counts["predictions"] >= count

    return done


async def test_what_fails_saves_nothing_more_and_is_set_aside_while_the_others_go_on(
    house: House, poisonous: None
) -> None:
    topics = Topics(house)
    await house.engine.assigned([0, 1], 1)
    topics.append(0, *predictions(20))
    topics.append(1, *predictions(20))
    await house.settle(20)
    saves = len(house.store.saves)
    commits = dict(house.broker.commits)
    topics.append(0, *bad_at({22}, 30)[20:])
    house.clock.now_ms += 20_000
    await eventually(lambda: house.engine.set_aside, "the failure")

    assert house.engine.runners[0].stopped is Stopped.FAILED
    assert house.engine.full(PREDICTIONS)
    assert house.broker.commits[PREDICTIONS] == commits[PREDICTIONS] == 20
    health = ready(house)
    assert (health.ok, health.reason) == (True, "partition_set_aside")
    assert "partition 0 failed 1 times: RuntimeError: half way" in health.detail
    topics.append(1, *predictions(20, start=20))
    house.clock.now_ms += 20_000
    await eventually(read(house, 1, 40), "the other partition")
    assert len(house.store.saves) >= saves


async def test_a_worker_of_nothing_but_failed_partitions_is_not_ready(house: House, poisonous: None) -> None:
    topics = Topics(house)
    await house.engine.assigned([0], 1)
    topics.append(0, *bad_at({3}, 10))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.engine.set_aside, "the failure")

    assert not ready(house).ok


@pytest.mark.parametrize("poison", [{0}, {37}, {99}, {10, 11, 60}], ids=str)
async def test_a_record_that_fails_again_and_again_is_stepped_over_and_nothing_else_is(
    house: House, poisonous: None, poison: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    topics = Topics(house)
    await house.engine.assigned([0], 1)
    topics.append(0, *bad_at(poison, 100))
    house.clock.now_ms += 20_000
    with caplog.at_level(logging.WARNING):
        await eventually(read(house, 0, 100 - len(poison)), "all others", 300)
        await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 100, "the commit", 300)
    house.clock.now_ms += 20_000
    await eventually(lambda: alerts(house, "PoisonRecord"), "the alert")

    letters = {letter.offset: letter for letter in house.broker.dead_letters}
    assert letters.keys() == poison
    assert {letter.reason.value for letter in letters.values()} == {"poison_record"}
    assert "half way" in letters[min(poison)].detail
    assert house.engine.partitions[0].counts["predictions"] == 100 - len(poison)
    (alert,) = {a.fingerprint: a for a in alerts(house, "PoisonRecord")}.values()
    assert f"the last at offset {max(poison)}" in alert.annotations["summary"]
    assert house.engine.set_aside == {}
    assert ready(house).ok
    assert "stepped over the record at offset" in caplog.text
    assert house.engine.totals().partition_failures <= 3 * len(poison)


async def test_what_is_left_is_what_the_good_records_alone_would_have_made(house: House, poisonous: None) -> None:
    topics = Topics(house)
    await house.engine.assigned([0], 1)
    records = bad_at({37}, 100)
    topics.append(0, *records)
    house.clock.now_ms += 20_000
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 100, "the end", 300)
    await house.engine.revoked()

    clean = House(config())
    clean.clock.now_ms = house.clock.now_ms - 20_000
    await clean.engine.assigned([0], 1)
    clean.deliver(*(r._replace(value=b"{") if r.offset == 37 else r for r in records))
    await clean.settle(100)
    await clean.engine.revoked()
    assert house.store._entries[0].models == clean.store._entries[0].models
    await clean.engine.stop()


async def test_a_failure_that_no_record_causes_is_tried_again_with_growing_pauses(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    async def refuse(*_: Any) -> None:
        tries.append(house.clock.monotonic())
        raise PermissionError("not authorized")

    topics = Topics(house)
    await house.engine.assigned([0], 1)
    monkeypatch.setattr(house.broker, "dead_letter", refuse)
    topics.append(0, *predictions(20), Record(20, START_MS + 300, b"{"))
    house.clock.now_ms += 20_000
    await eventually(lambda: len(tries) >= 5, "five tries", 300)

    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert all(pause <= seen < pause + 4 for pause, seen in zip(PAUSES_SECONDS[:4], pauses, strict=True)), pauses
    assert house.broker.dead_letters == []
    monkeypatch.undo()
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 21, "the commit", 300)
    assert [letter.offset for letter in house.broker.dead_letters] == [20]
    assert house.engine.set_aside == {}


async def test_nothing_but_bad_records_stops_their_partition_with_a_message_and_no_other() -> None:
    house = House(config(max_consecutive_dead_letters=10))
    topics = Topics(house)
    await house.engine.assigned([0, 1], 1)
    topics.append(0, *(Record(i, START_MS + i, b"nope") for i in range(30)))
    topics.append(1, *predictions(20))
    house.clock.now_ms += 20_000
    await eventually(read(house, 1, 20), "the other partition")
    await eventually(lambda: 0 in house.engine.set_aside, "the refusal")
    await asyncio.sleep(400)

    assert TooManyDeadLettersError.__name__ in ready(house).detail
    assert "not_json" in ready(house).detail
    assert PREDICTIONS not in house.broker.commits
    assert house.failures == []
    await house.engine.stop()


async def test_models_beyond_the_limit_are_set_aside_without_end_and_stop_nothing() -> None:
    house = House(config(max_consecutive_dead_letters=10, max_models_per_partition=5))
    topics = Topics(house)
    await house.engine.assigned([0], 1)
    topics.append(0, *(prediction(i, START_MS + i, model=f"model-{i}") for i in range(100)))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 100, "the commit")

    assert len(house.broker.dead_letters) == 95
    assert house.engine.totals().partition_failures == 0
    await house.engine.stop()


async def test_a_rebalance_while_a_partition_is_set_aside_leaves_nothing_behind(house: House, poisonous: None) -> None:
    topics = Topics(house)
    await house.engine.assigned([0], 1)
    topics.append(0, *bad_at({3}, 10))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.engine.set_aside, "the failure")
    await house.engine.revoked()
    assert house.engine.set_aside == {}
    await house.engine.assigned([0], 2)
    topics.fetch()
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 10, "the commit", 300)

    assert [letter.offset for letter in house.broker.dead_letters] == [3]
    assert house.engine._leaving == []


async def test_a_partition_that_cannot_be_claimed_is_set_aside_and_the_others_go_on(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    topics = Topics(house)
    await house.engine.assigned([0, 1], 1)
    topics.append(0, *predictions(20))
    topics.append(1, *predictions(20))
    house.clock.now_ms += 20_000
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 20, "the commit")
    await house.engine.revoked()
    entry = house.store._entries[0]
    whole, entry.core = entry.core, b"damaged"
    await house.engine.assigned([0, 1], 2)

    assert house.engine.runners.keys() == {1}
    assert house.engine.full(PREDICTIONS), "nothing is fetched for it meanwhile"
    health = ready(house)
    assert (health.ok, health.reason) == (True, "partition_set_aside")
    assert "the checkpoint of partition 0 cannot be read" in health.detail
    assert "is set aside" in caplog.text
    topics.append(1, *predictions(20, start=20))
    house.clock.now_ms += 20_000
    await eventually(read(house, 1, 40), "the other partition")
    # Repaired, it goes on by itself, from its checkpoint.
    topics.append(0, *predictions(20, start=20))
    entry.core = whole
    await eventually(lambda: 0 in house.engine.runners, "the claim", 300)
    house.clock.now_ms += 20_000
    await eventually(lambda: house.broker.commits.get(PREDICTIONS) == 40, "the commit", 300)
    assert house.engine.set_aside == {}
    assert house.engine.partitions[0].counts["predictions"] == 40
    assert ready(house).reason == "ok"


async def test_a_worker_that_can_claim_nothing_is_not_ready_and_lives(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    house.store._entries[0].core = b"damaged"
    await house.engine.assigned([0], 2)

    health = ready(house)
    assert (health.ok, health.reason) == (False, "partition_set_aside")
    await asyncio.sleep(400)
    assert house.engine.totals().partition_failures > 3
    await house.engine.revoked()
    assert house.engine.set_aside == {}
    assert not house.engine.full(PREDICTIONS)


async def test_a_partition_whose_broker_does_not_answer_is_claimed_when_it_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    earliest = house.broker.earliest_offsets

    async def no_leader(sources: Any) -> Any:
        if any(partition == 0 for _, partition in sources):
            raise OSError("partition 0 has no leader")
        return await earliest(sources)

    monkeypatch.setattr(house.broker, "earliest_offsets", no_leader)
    await house.engine.assigned([0, 1], 1)
    assert house.engine.runners.keys() == {1}
    assert "no leader" in ready(house).detail
    await asyncio.sleep(60)
    assert "no leader" in ready(house).detail, "also while it is tried again"
    monkeypatch.undo()
    await eventually(lambda: house.engine.runners.keys() == {0, 1}, "the claim", 30)

    house.deliver(*predictions(20))
    await house.settle(20)
    assert house.engine.set_aside == {}


def test_one_by_one_or_in_steps_the_state_is_the_same() -> None:
    def run(*, singly: bool) -> dict[str, bytes | None]:
        partition = Partition(0, config())
        if singly:
            partition.go_singly(Input.PREDICTIONS, 300)
        partition.push(Input.PREDICTIONS, [prediction(i, START_MS + i * 10, value=i % 7) for i in range(400)])
        partition.push(Input.FEEDBACK, [label(i, START_MS + i * 20, of=i) for i in range(200)])
        for source in Input:
            partition.advance_watermark(source, START_MS + 10_000)
        while (step := partition.next_step()) is not None:
            partition.lookups(step)
            for _ in partition.run(step, {}):
                pass
        return dict(partition.checkpoint().models)

    assert run(singly=True) == run(singly=False)
