"""The engine's promises, with a Kafka in memory: what is saved, published and committed, in which order, and when not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from driftbell.runtime.config.model import Config, Join, Monitoring, Reference, Worker
from driftbell.streams.checkpoints.checkpoint import Checkpoint, SaveOutcome
from driftbell.streams.checkpoints.memory import MemoryCheckpointStore
from driftbell.streams.engine.engine import Engine
from driftbell.streams.errors import StateLostError, StoreUnavailableError
from driftbell.streams.partition.merge import RECORD_BYTES
from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.records import Input, OutboxRecord, Output, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import FEEDBACK, PREDICTIONS, HeldClock, MemoryBroker, label, prediction

START_MS = 1_000_000_000_000


class WatchedStore(MemoryCheckpointStore):
    """A memory store whose saves the test sees, delays and refuses."""

    def __init__(self, clock: HeldClock, broker: MemoryBroker) -> None:
        super().__init__(clock.monotonic)
        self.broker = broker
        self.saves: list[Checkpoint] = []
        self.answer: SaveOutcome | None = None
        self.down = False
        self.in_flight = 0
        self.most_in_flight = 0

    async def save(self, partition: int, generation: int, sequence: int, checkpoint: Checkpoint) -> SaveOutcome:
        """Save, unless told otherwise."""
        if self.down:
            raise StoreUnavailableError("down")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        if self.answer is not None:
            return self.answer
        outcome = await super().save(partition, generation, sequence, checkpoint)
        if outcome is SaveOutcome.SAVED:
            self.broker.order.append("save")
            self.saves.append(checkpoint)
        return outcome


@dataclass
class House:
    """An engine with everything around it."""

    config: Config
    clock: HeldClock = field(default_factory=HeldClock)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = WatchedStore(self.clock, self.broker)
        self.engine = self.new_engine()

    def new_engine(self) -> Engine:
        return Engine(
            self.config,
            self.store,
            self.broker,
            owner="test",
            clock=self.clock,
            on_failure=self.failures.append,
        )

    def deliver(self, *records: Record, stream: Input = Input.PREDICTIONS) -> None:
        """Records arrive; the brokers' ends follow."""
        source = (stream, 0)
        self.broker.ends[source] = records[-1].offset + 1
        self.engine.deliver(source, records)

    async def settle(self, offset: int, stream: Input = Input.PREDICTIONS) -> None:
        """Let time pass until a checkpoint covers ``offset`` records."""
        self.clock.now_ms += 20_000

        def saved() -> bool:
            return bool(self.store.saves) and self.store.saves[-1].offsets.get(stream.value, 0) >= offset

        await eventually(saved, f"a checkpoint at {offset}")


def config(**worker: Any) -> Config:
    return Config(
        worker=Worker(**{"checkpoint_interval": 0.01, "checkpoint_patience": 5.0, **worker}),
        join=Join(horizon=60),
        monitoring=Monitoring(reference=Reference(events=50, labels=50)),
    )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(config())
    yield made
    await made.engine.stop()


def predictions(count: int, start: int = 0) -> list[Record]:
    return [prediction(start + i, START_MS + (start + i) * 10) for i in range(count)]


async def test_the_order_of_a_checkpoint_is_dead_letters_save_publish_commit(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20), Record(20, START_MS + 300, b"{"))
    await house.settle(21)
    await eventually(lambda: "commit" in house.broker.order, "a commit")

    first = [step for step in house.broker.order if step != "publish"][:3]
    assert first == ["dead_letter", "save", "commit"]
    assert house.broker.commits[PREDICTIONS] == 21
    assert [letter.reason.value for letter in house.broker.dead_letters] == ["not_json"]


async def test_what_the_checkpoint_counts_is_skipped_when_it_comes_again(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    await house.engine.assigned([0], 2)

    assert house.engine.positions()[PREDICTIONS] == 20
    house.deliver(*predictions(30))
    await house.settle(30)
    assert house.engine.partitions[0].counts["predictions"] == 30
    assert house.engine.totals().skipped_replay == 20


async def test_a_field_that_no_contract_names_is_counted_and_named_in_the_log_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([0], 1)
    odd = [
        record._replace(value=(record.value or b"").replace(b'"features"', b'"inputs"')) for record in predictions(20)
    ]
    house.deliver(*odd)
    await house.settle(20)
    await house.engine.revoked()

    assert house.engine.run_counts()["predictions"] == 20
    assert house.engine.totals().unknown_fields == {Input.PREDICTIONS: 20, Input.FEEDBACK: 0}
    assert [record.message for record in caplog.records if "no contract" in record.message] == [
        "predictions [0]: the field `inputs` is in no contract and was ignored; did you mean `features`?"
    ]


async def test_a_fenced_save_publishes_and_commits_nothing(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.store.answer = SaveOutcome.FENCED
    house.deliver(*predictions(20))
    house.clock.now_ms += 5_000
    await eventually(lambda: house.engine.totals().fenced_saves == 1, "the fence")

    assert house.broker.published == []
    assert house.broker.commits == {}
    assert house.failures == []


async def test_one_save_of_a_partition_is_in_flight_at_a_time(house: House) -> None:
    await house.engine.assigned([0], 1)
    for round_ in range(10):
        house.deliver(*predictions(200, start=200 * round_))
        house.clock.now_ms += 3_000
        await asyncio.sleep(0.01)
    await house.settle(2000)

    assert house.store.most_in_flight == 1


async def test_a_store_that_is_gone_for_a_while_loses_nothing(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.store.down = True
    house.deliver(*predictions(50))
    house.clock.now_ms += 5_000
    await asyncio.sleep(0.3)
    assert house.broker.commits == {}
    house.store.down = False
    await house.settle(50)

    assert house.failures == []
    assert house.engine.partitions[0].counts["predictions"] == 50


async def test_a_store_that_stays_away_ends_the_worker() -> None:
    house = House(config(checkpoint_patience=0.2))
    await house.engine.assigned([0], 1)
    house.store.down = True
    house.deliver(*predictions(50))
    house.clock.now_ms += 5_000
    await eventually(lambda: house.failures, "the failure")
    await house.engine.stop()

    assert isinstance(house.failures[0], StoreUnavailableError)


async def test_a_rolled_back_store_is_read_again_from_where_it_stands(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    house.store.answer = SaveOutcome.ROLLED_BACK
    # What was fetched before the rewind may still arrive during it.
    house.broker.while_rewinding = lambda: house.engine.deliver(PREDICTIONS, predictions(5, start=40))
    house.deliver(*predictions(10, start=20))
    house.clock.now_ms += 5_000
    await eventually(lambda: house.broker.rewound, "the rewind")
    house.store.answer = None

    assert house.broker.rewound[0][PREDICTIONS] == 20
    house.deliver(*predictions(10, start=20))
    await house.settle(30)
    assert house.engine.partitions[0].counts["predictions"] == 30
    assert house.engine.totals().offset_gaps == 0
    assert house.failures == []


async def test_an_emptied_store_is_refused_loudly(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.store.answer = SaveOutcome.LOST
    house.deliver(*predictions(20))
    house.clock.now_ms += 5_000
    await eventually(lambda: house.failures, "the refusal")

    assert isinstance(house.failures[0], StateLostError)


async def test_an_empty_store_with_commits_in_kafka_is_refused(house: House) -> None:
    house.broker.group_offsets[PREDICTIONS] = 77

    with pytest.raises(StateLostError, match="on_lost_state: rebuild"):
        await house.engine.assigned([0], 1)


async def test_a_cold_start_may_be_asked_for() -> None:
    house = House(config(on_lost_state="rebuild"))
    house.broker.group_offsets[PREDICTIONS] = 77
    await house.engine.assigned([0], 1)
    await house.engine.stop()

    assert house.failures == []


@pytest.mark.parametrize(
    ("first", "end", "reason"), [(50, 60, "retention"), (0, 5, "topic_recreated")], ids=["retention", "recreated"]
)
async def test_input_that_was_lost_is_an_alert(house: House, first: int, end: int, reason: str) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    house.broker.firsts[PREDICTIONS], house.broker.ends[PREDICTIONS] = first, end
    await house.engine.assigned([0], 2)
    house.deliver(*predictions(10, start=first))
    house.clock.now_ms += 5_000
    await eventually(lambda: _fired(house, "InputLost"), "the alert")

    (alert,) = house.engine.partitions[0].active_alerts()
    assert alert.labels["alertname"] == "InputLost"
    assert alert.reason
    assert house.engine.positions()[PREDICTIONS] == first + 10


def _fired(house: House, alertname: str) -> bool:
    return any(r.output is Output.ALERTS and alertname.encode() in (r.value or b"") for r in house.broker.published)


async def test_leftovers_of_the_outbox_are_published_by_the_next_owner(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(5))
    await house.settle(5)
    await house.engine.revoked()
    house.store._entries[0].outbox = (OutboxRecord(Output.ALERTS, b"left", b"over"),)
    await house.engine.assigned([0], 2)
    await eventually(lambda: any(r.key == b"left" for r in house.broker.published), "the leftover")
    await eventually(lambda: not house.store._entries[0].outbox, "an empty outbox")

    assert [record.key for record in house.broker.published].count(b"left") == 1


async def test_a_label_waits_for_the_proof_that_its_prediction_has_come(house: House) -> None:
    await house.engine.assigned([0], 1)
    house.broker.answers = False
    house.broker.ends[FEEDBACK] = 1
    house.engine.deliver(FEEDBACK, [label(0, START_MS + 500, of=0)])
    house.clock.now_ms += 5_000
    await asyncio.sleep(0.2)
    assert house.engine.partitions[0].counts["labels"] == 0

    house.deliver(prediction(0, START_MS))
    house.broker.answers = True
    await house.settle(1, Input.FEEDBACK)
    assert house.engine.partitions[0].join_counts["joined"] == 1
    assert house.engine.partitions[0].join_counts["waiting"] == 0


async def test_a_full_buffer_stops_the_fetching_of_its_input(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftbell.streams.engine.engine.BUFFER_RECORDS", 100)
    await house.engine.assigned([0], 1)
    house.broker.answers = False
    house.deliver(*predictions(150))

    assert house.engine.full(PREDICTIONS)
    assert not house.engine.full(FEEDBACK)
    house.broker.answers = True
    await house.settle(150)
    assert not house.engine.full(PREDICTIONS)


@pytest.mark.parametrize(("held", "full"), [([0], False), ([0, 1], True)])
async def test_all_inputs_of_a_worker_share_one_budget_of_memory(
    house: House, monkeypatch: pytest.MonkeyPatch, held: list[int], full: bool
) -> None:
    records = predictions(100)
    taken = 100 * RECORD_BYTES + sum(len(record.value or b"") + len(record.key or b"") for record in records)
    monkeypatch.setattr("driftbell.streams.engine.engine.LEAST_BUFFER_BYTES", 0)
    monkeypatch.setattr("driftbell.streams.engine.engine.BUFFER_BYTES", 3 * taken)
    await house.engine.assigned(held, 1)
    house.broker.answers = False
    house.deliver(*records)

    assert house.engine.full(PREDICTIONS) is full
    assert not house.engine.full(FEEDBACK)
    house.broker.answers = True
    await house.settle(100)
    assert not house.engine.full(PREDICTIONS)


async def test_a_group_that_was_reset_is_refused_until_the_fence_is_lifted(house: House) -> None:
    await house.engine.assigned([0], 9)
    house.deliver(*predictions(20))
    await house.settle(20)
    await house.engine.revoked()
    again = asyncio.create_task(house.engine.assigned([0], 1))
    await asyncio.sleep(0.1)
    assert not again.done()
    await house.store.reset_fence([0])
    await again

    assert house.engine.positions()[PREDICTIONS] == 20


async def test_state_does_not_depend_on_how_records_were_fetched(house: House) -> None:
    records = predictions(500)
    labels = [label(i, START_MS + i * 12 + 200, of=i) for i in range(400)]

    async def run(sizes: Callable[[int], int]) -> Any:
        other = House(config())
        await other.engine.assigned([0], 1)
        for stream, rows in ((Input.PREDICTIONS, records), (Input.FEEDBACK, labels)):
            position = 0
            while position < len(rows):
                size = sizes(position)
                other.deliver(*rows[position : position + size], stream=stream)
                position += size
                await asyncio.sleep(0)
        await other.settle(400, Input.FEEDBACK)
        await other.settle(500)
        await other.engine.stop()
        last = other.store._entries[0]
        core = CORE_FORMAT.decode(last.core or b"")
        return core["counts"], core["join"], last.models, other.broker.published

    one_by_one = await run(lambda position: 1 + position % 3)
    at_once = await run(lambda _: 1000)

    assert one_by_one[0] == at_once[0]
    assert one_by_one[2] == at_once[2]
    assert one_by_one[3] == at_once[3]
