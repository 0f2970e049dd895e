"""A replay of the topics' contents decides what the worker decided, record for record."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from driftbell.streams.errors import TooManyDeadLettersError
from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.records import Input, OutboxRecord, Output, Record
from driftbell.streams.replay import CHUNK_RECORDS, Replay, ReplayStep, replay
from tests.services.waiting import eventually
from tests.streams.engine.test_engine import House
from tests.streams.partition.owner import Owner
from tests.streams.partition.story import END_MS, START_MS, config, inputs

Event = tuple[str, int, bytes | None]


def in_order(topics: dict[Input, list[Record]]) -> list[Event]:
    """The contents of both topics as one file: by time, each topic in the order of its offsets."""
    keyed = []
    for rank, source in enumerate(Input):
        latest = 0
        for record in topics[source]:
            latest = max(latest, record.timestamp)
            keyed.append(((latest, rank, record.offset), (source.value, record.timestamp, record.value)))
    return [event for _, event in sorted(keyed, key=lambda item: item[0])]


def told(steps: Sequence[ReplayStep], output: Output) -> list[OutboxRecord]:
    return [record for step in steps for record in step.outbox if record.output is output]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_replay_comes_to_the_state_and_the_decisions_of_the_partition(seed: int) -> None:
    topics = inputs(seed, traced=False)
    owner = Owner(config(), topics)
    owner.finish(END_MS)
    run = Replay(config())
    steps = list(run.run(in_order(topics), until_ms=END_MS))
    last = run.partition.checkpoint()

    assert told(steps, Output.ALERTS) == owner.once(Output.ALERTS) != []
    assert told(steps, Output.METRICS) == owner.once(Output.METRICS) != []
    # A file knows no keys.
    letters = [replace(letter, key=None) for letter in owner.letters]
    assert [letter for step in steps for letter in step.dead_letters] == letters != []
    assert last.models == owner.saved.models != {}
    assert last.offsets == owner.saved.offsets
    # Stream time went on after the last save, and nothing came of it.
    core = CORE_FORMAT.decode(owner.saved.core or b"") | {"stream_ms": run.partition.stream_ms}
    assert CORE_FORMAT.decode(last.core) == core
    assert run._pending.slots == owner.saved.pending.slots


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_where_the_replay_reads_ahead_to_does_not_matter(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = in_order(inputs(1, 400, traced=False))
    whole = list(replay(events, config(), until_ms=END_MS))
    monkeypatch.setattr("driftbell.streams.replay.CHUNK_RECORDS", chunk)
    cut = list(replay(events, config(), until_ms=END_MS))

    assert len(events) < CHUNK_RECORDS
    assert len(cut) > len(whole)
    for output in Output:
        assert told(cut, output) == told(whole, output)


@pytest.mark.slow
async def test_a_replay_decides_what_a_running_worker_decided() -> None:
    topics = inputs(3, traced=False)
    # Nor are the records ahead of it by more than is believed.
    house = House(config(checkpoint_interval=0.01, max_clock_lead=86_400.0))
    # No time passes for the broker while records arrive, so that it proves nothing that is not there yet.
    house.clock.now_ms = START_MS - 1000
    await house.engine.assigned([0], 1)
    rng = random.Random(3)
    left = dict(topics)
    while any(left.values()):
        source = rng.choice([stream for stream in Input if left[stream]])
        size = rng.randrange(1, 300)
        house.deliver(*left[source][:size], stream=source)
        left[source] = left[source][size:]
        await asyncio.sleep(0)
    house.clock.now_ms = END_MS
    for source in Input:
        await house.settle(len(topics[source]), source)
    partition = house.engine.partitions[0]
    await eventually(lambda: partition.stream_ms >= END_MS, "the end")
    await house.engine.stop()
    steps = list(replay(in_order(topics), config(), until_ms=partition.stream_ms))

    assert house.failures == []
    for output in Output:
        assert [record for record in house.broker.published if record.output is output] == told(steps, output)


def test_a_replay_tells_how_far_it_is() -> None:
    events = in_order(inputs(1, 200))
    steps = list(replay(events, config()))

    assert steps[-1].records == len(events)
    assert steps[-1].now_ms > max(time for _, time, _ in events)


def test_the_end_of_a_file_is_not_the_silence_of_a_model() -> None:
    events = in_order(inputs(1, 200))
    steps = list(replay(events, config()))

    assert not any(b'"Silent' in (record.value or b"") for record in told(steps, Output.ALERTS))


def test_nothing_but_rubbish_is_refused() -> None:
    def rubbish() -> Iterator[Event]:
        for number in range(50):
            yield "predictions", START_MS + number, b"{"

    with pytest.raises(TooManyDeadLettersError):
        list(replay(rubbish(), config(max_consecutive_dead_letters=20)))


def test_nothing_is_nothing() -> None:
    steps: Any = list(replay([], config()))

    assert [step.outbox for step in steps] == [[]]
