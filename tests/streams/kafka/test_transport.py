"""The facts about Faust and aiokafka that the transport relies on, and what it makes of them."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, RebalanceInProgressError
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from driftbell.runtime.config.model import Config, Redis, Worker
from driftbell.streams.app import create_app
from driftbell.streams.kafka.transport import (
    COORDINATOR_PATIENCE,
    POLL_SECONDS,
    ChunkConsumerThread,
    ChunkLostError,
    ChunkTransport,
    IdempotentProducer,
)
from driftbell.streams.records import Input
from tests.services.waiting import eventually
from tests.streams.kafka.fakes import F0, P0, P1, Rig, records


@pytest.fixture
async def rig() -> Rig:
    return Rig()


# ---- chunks


async def test_a_fetch_becomes_one_message_per_partition(rig: Rig) -> None:
    chunks = await rig.fetch({P0: records(P0, 4, 5, 6), F0: records(F0, 1)})
    message: Any = rig.consumer._to_message(P0, chunks[P0][0])

    assert {tp: len(found) for tp, found in chunks.items()} == {P0: 1, F0: 1}
    assert message.offset == 6
    assert message.tp == P0
    assert [record.offset for record in message.value.records] == [4, 5, 6]


async def test_faust_still_calls_getmany_by_the_names_that_we_override() -> None:
    parameters = list(inspect.signature(FaustConsumer._getmany).parameters)

    assert parameters == ["self", "active_partitions", "timeout"]
    assert "active_partitions=active_partitions" in inspect.getsource(FaustConsumer._wait_next_records)


async def test_inputs_that_are_full_are_left_out_of_a_fetch(rig: Rig) -> None:
    rig.engine.full_sources = {(Input.PREDICTIONS, 0)}
    await rig.fetch({})
    rig.engine.full_sources = {(stream, p) for stream in Input for p in range(2)}
    await rig.fetch({})

    assert rig.thread.asked_for == [{F0, P1, TP("feedback", 1)}]


async def test_a_poll_is_short_so_that_a_seek_need_not_wait_for_it(rig: Rig) -> None:
    await rig.fetch({})

    assert rig.thread.timeouts == [POLL_SECONDS]


async def test_what_is_read_again_from_a_log_s_beginning_is_dropped_before_faust_sees_it(rig: Rig) -> None:
    await rig.fetch_and_deliver(P0, 6, 7)
    rig.engine.gone = {((Input.PREDICTIONS, 0), 0)}
    assert await rig.fetch({P0: records(P0, 0, 1, 2)}) == {}
    await rig.fetch_and_deliver(P0, 8)

    assert rig.engine.offsets() == [6, 7, 8]


async def test_chunks_in_order_reach_the_engine(rig: Rig) -> None:
    await rig.fetch_and_deliver(P0, 0, 1)
    await rig.fetch_and_deliver(P0, 2, 5)
    await rig.fetch_and_deliver(F0, 0)

    assert rig.engine.offsets() == [0, 1, 2, 5]
    assert rig.engine.offsets(Input.FEEDBACK) == [0]


@pytest.mark.parametrize("delivered_before", [True, False], ids=["later chunk", "first chunk"])
async def test_a_chunk_that_faust_dropped_is_noticed_at_the_next(rig: Rig, delivered_before: bool) -> None:
    if delivered_before:
        await rig.fetch_and_deliver(P0, 0, 1)
    await rig.fetch({P0: records(P0, 2, 3)})
    chunks = await rig.fetch({P0: records(P0, 4)})

    with pytest.raises(ChunkLostError, match="4"):
        rig.consumer.deliver(P0, chunks[P0][0])
    assert 4 not in rig.engine.offsets()


async def test_what_was_fetched_before_a_rewind_is_ignored(rig: Rig) -> None:
    await rig.fetch_and_deliver(P0, 0, 1)
    before = await rig.fetch({P0: records(P0, 2, 3)})
    await rig.consumer.rewind({P0: 1})
    rig.consumer.deliver(P0, before[P0][0])
    await rig.fetch_and_deliver(P0, 1, 2)

    assert rig.thread.seeks == [{P0: 1}]
    assert rig.engine.offsets() == [0, 1, 1, 2]


async def test_a_rewind_leaves_alone_what_is_not_assigned(rig: Rig) -> None:
    await rig.consumer.rewind({P0: 1, P1: 7})

    assert rig.thread.seeks == [{P0: 1}]
    assert P1 not in rig.consumer._read_offset


async def test_a_chunk_on_its_way_is_in_flight_until_it_is_delivered(rig: Rig) -> None:
    chunks = await rig.fetch({P0: records(P0, 0)})

    assert rig.consumer.in_flight(P0)
    assert not rig.consumer.in_flight(F0)
    rig.consumer.deliver(P0, chunks[P0][0])
    assert not rig.consumer.in_flight(P0)


# ---- lag


async def test_lag_is_what_nobody_has_read_and_not_the_markers_of_transactions(rig: Rig) -> None:
    assert rig.consumer.lag(P0, 0) is None, "no end is known"
    rig.thread.ends = {P0: 5}
    await rig.fetch_and_deliver(P0, 0, 1)
    rig.thread.positions = {P0: 5}

    assert rig.consumer.lag(P0, 2) == 3, "nothing says yet that the rest is markers"
    await rig.fetch({})
    assert rig.consumer.lag(P0, 2) == 0
    assert rig.consumer.lag(P0, 1) == 4, "what was fetched is not processed yet"


async def test_lag_counts_what_a_poll_has_just_brought(rig: Rig) -> None:
    rig.thread.ends, rig.thread.positions = {P0: 3}, {P0: 0}
    await rig.fetch({})
    rig.thread.positions = {P0: 3}
    chunks = await rig.fetch({P0: records(P0, 0, 1)})

    assert rig.consumer.lag(P0, 0) == 3
    rig.consumer.deliver(P0, chunks[P0][0])
    assert rig.consumer.lag(P0, 0) == 3
    await rig.fetch({})
    assert [rig.consumer.lag(P0, done) for done in (1, 2)] == [2, 0]


async def test_lag_after_a_rewind_counts_what_is_read_again(rig: Rig) -> None:
    rig.thread.ends, rig.thread.positions = {P0: 5}, {P0: 5}
    await rig.fetch_and_deliver(P0, 0, 1)
    await rig.fetch({})
    await rig.consumer.rewind({P0: 1})

    assert rig.consumer.lag(P0, 1) == 4


# ---- positions


async def test_faust_seeks_to_the_checkpoint_and_not_to_kafkas_offset(rig: Rig) -> None:
    rig.thread.committed = {P0: 100, F0: 50}
    rig.engine.held = {(Input.PREDICTIONS, 0): 70, (Input.FEEDBACK, 0): 90}
    await rig.consumer.perform_seek()

    assert rig.thread.calls == ["seek to committed", "seek"]
    assert rig.thread.seeks == [{P0: 70, F0: 90}]
    assert rig.consumer._read_offset[P0] == 70
    assert rig.consumer._read_offset[F0] == 90


async def test_seeking_out_of_turn_seeks_and_does_nothing_else(rig: Rig) -> None:
    """Faust also calls it in the middle of a rebalance, for partitions that are not claimed yet or about to leave."""
    rig.thread.assigned = {P0, F0, P1}
    rig.thread.committed = {P0: 100, F0: 50, P1: 30}
    rig.engine.held = {(Input.PREDICTIONS, 0): 70, (Input.FEEDBACK, 0): 90, (Input.PREDICTIONS, 5): 1}
    offsets = await rig.consumer.seek_to_committed()
    again = await rig.consumer.seek_to_committed()

    assert offsets == again == {P0: 70, F0: 90, P1: 30}
    assert rig.thread.seeks == [{P0: 70, F0: 90}] * 2
    assert rig.engine.delivered == []
    assert rig.thread.shown == []


async def test_nothing_is_sought_while_nothing_is_claimed(rig: Rig) -> None:
    rig.thread.committed = {P0: 100}

    assert await rig.consumer.seek_to_committed() == {P0: 100}
    assert rig.thread.seeks == []


@pytest.mark.parametrize("first", ["fetch", "seek"])
async def test_a_fetch_and_a_seek_never_overlap(rig: Rig, first: str) -> None:
    rig.engine.held = {(Input.PREDICTIONS, 0): 70}
    rig.thread.may_go_on.clear()

    def fetch() -> Any:
        return rig.fetch({P0: records(P0, 70)})

    order = [fetch, rig.consumer.seek_to_committed]
    tasks = [asyncio.ensure_future(call()) for call in (order if first == "fetch" else order[::-1])]
    await eventually(lambda: rig.thread.calls, "the first one has begun", pause=0)
    for _ in range(5):
        await asyncio.sleep(0)
    begun = list(rig.thread.calls)
    rig.thread.may_go_on.set()
    results = await asyncio.gather(*tasks)

    assert len(begun) == 1
    # A chunk that was fetched before the seek is told from one that was fetched after it.
    (chunk,) = results[0 if first == "fetch" else 1][P0]
    rig.consumer.deliver(P0, chunk)
    assert rig.engine.offsets() == ([] if first == "fetch" else [70])


async def test_the_position_is_told_once_nothing_older_can_still_arrive(rig: Rig) -> None:
    rig.thread.positions[P0] = 12
    asked = asyncio.ensure_future(rig.consumer.settled_position(P0))
    await rig.fetch({P0: records(P0, 10)})
    await asyncio.sleep(0)
    assert not asked.done(), "this fetch may have begun before the question"
    await rig.fetch({})

    assert await asyncio.wait_for(asked, 5) == 12


# ---- commits


async def test_progress_is_shown_once_with_the_newest_offsets(rig: Rig) -> None:
    rig.consumer.commits.note({P0: 5, F0: 2})
    rig.consumer.commits.note({P0: 9})

    assert await rig.consumer.force_commit()
    assert not await rig.consumer.force_commit()
    assert rig.thread.shown == [{P0: 9, F0: 2}]


@pytest.mark.parametrize(
    "error",
    [CommitFailedError(), RebalanceInProgressError(), IllegalStateError(), TimeoutError(), RuntimeError("no loop")],
    ids=lambda error: type(error).__name__,
)
async def test_a_refused_commit_is_shown_later_unless_there_is_something_newer(rig: Rig, error: BaseException) -> None:
    rig.thread.refusals.append(error)
    rig.consumer.commits.note({P0: 5, F0: 2})

    assert not await rig.consumer.force_commit()
    rig.consumer.commits.note({P0: 9})
    assert await rig.consumer.force_commit()
    assert rig.thread.shown == [{P0: 9, F0: 2}]


async def test_a_commit_that_is_not_answered_does_not_hold_anybody_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_offsets: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("driftbell.streams.kafka.commits.COMMIT_SECONDS", 0.01)
    monkeypatch.setattr(rig.thread, "commit_offsets", never)
    rig.consumer.commits.note({P0: 5})

    assert not await rig.consumer.force_commit()


async def test_the_interval_commit_goes_through_our_own(rig: Rig) -> None:
    rig.consumer.commits.note({P0: 5})
    await rig.consumer.commit()

    assert rig.thread.shown == [{P0: 5}]


async def test_a_revoked_partition_is_committed_while_the_interval_commit_is_in_flight(rig: Rig) -> None:
    """Faust's ``commit`` is single flight: a second caller waits for the first and commits nothing of its own."""
    held = asyncio.Event()
    show = rig.thread.commit_offsets

    async def show_slowly(offsets: Any) -> None:
        if not held.is_set():
            held.set()
            await asyncio.Event().wait()
        await show(offsets)

    rig.thread.commit_offsets = show_slowly  # type: ignore[method-assign]
    rig.consumer.commits.note({P0: 5})
    interval = asyncio.ensure_future(rig.consumer.commit())
    await asyncio.wait_for(held.wait(), 5)
    rig.engine.on_revoked = lambda: rig.consumer.commits.note({P0: 9})
    signal: Any = rig.app.on_partitions_revoked
    await asyncio.wait_for(signal.send({P0}), 5)
    interval.cancel()

    assert rig.thread.shown == [{P0: 9}]


# ---- health


def watch(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Task[None], list[BaseException]]:
    """The coordinator watch at work, without its pauses, and what the consumer crashed with."""
    crashed: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashed.append(error)
        rig.consumer._stopped.set()

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(rig.consumer, "crash", crash)
    monkeypatch.setattr(rig.consumer, "sleep", sleep)
    task: Any = rig.consumer._watch_coordinator
    return asyncio.ensure_future(task.fun(rig.consumer)), crashed


async def test_a_parked_coordinator_is_started_again_by_looking_at_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = [KafkaError("parked")] * (COORDINATOR_PATIENCE - 1)
    rig.thread.coordinator_errors.extend([*half, None, *half, None])
    task, crashed = watch(rig, monkeypatch)
    await asyncio.wait_for(rig.thread.checked.wait(), 5)
    rig.consumer._stopped.set()
    await asyncio.wait_for(task, 5)

    assert crashed == []
    assert rig.consumer.coordinator_errors == 2 * len(half)


async def test_a_coordinator_that_stays_parked_ends_the_worker(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [KafkaError(f"parked {i}") for i in range(COORDINATOR_PATIENCE)]
    rig.thread.coordinator_errors.extend(errors)
    task, crashed = watch(rig, monkeypatch)
    await asyncio.wait_for(task, 5)

    assert crashed == [errors[-1]]


async def test_the_watch_is_a_task_of_the_consumer(rig: Rig) -> None:
    assert any("_watch_coordinator" in repr(task) for task in type(rig.consumer)._get_tasks(rig.consumer))


async def test_a_kafka_error_of_a_question_is_an_os_error(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_tps: TP) -> None:
        raise KafkaError("not now")

    for asked, name in (
        (lambda: rig.consumer.ask.end_offsets([P0]), "highwaters"),
        (lambda: rig.consumer.ask.begin_offsets([P0]), "earliest_offsets"),
        (lambda: rig.consumer.settled_position(P0), "position"),
    ):
        monkeypatch.setattr(rig.thread, name, refuse, raising=False)
        with pytest.raises(OSError, match="KafkaError"):
            await asked()


# ---- settings


async def test_an_exception_in_the_agent_ends_the_worker(rig: Rig) -> None:
    """Faust's default supervisor restarts the agent and loses the rest of the chunk."""
    settings: Any = rig.app.conf

    assert settings.agent_supervisor is CrashingSupervisor


async def test_faust_commits_and_tracks_nothing_by_itself(rig: Rig) -> None:
    (agent,) = rig.app.agents.values()
    settings: Any = rig.app.conf

    assert agent.channel.acks is False
    assert settings.processing_guarantee.value == "at_least_once"
    assert settings.stream_wait_empty is False


@pytest.mark.parametrize(("partitions", "workers"), [(4, 3), (12, 5), (12, 12), (3, 4)])
async def test_co_partitioned_inputs_go_to_the_same_worker(rig: Rig, partitions: int, workers: int) -> None:
    """Round robin would part predictions[p] from feedback[p] whenever the workers do not divide the partitions."""
    topics = ["predictions", "feedback"]
    assignor: Any = rig.app.assignor
    cluster = SimpleNamespace(topics=lambda: set(topics), partitions_for_topic=lambda _topic: set(range(partitions)))
    members = {f"worker-{number}": assignor.metadata(set(topics)) for number in range(workers)}
    given = [dict(found.assignment) for found in assignor.assign(cluster, members).values()]

    assert isinstance(assignor, PartitionAssignor)
    assert rig.app.conf.table_standby_replicas >= 1
    assert sorted(p for found in given for p in found.get("predictions", [])) == list(range(partitions))
    for found in given:
        assert sorted(found.get("predictions", [])) == sorted(found.get("feedback", []))


async def test_a_worker_writes_no_files(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rig.app._create_directories()

    assert not rig.app.conf.datadir.exists()


async def test_our_thread_and_producer_are_used(rig: Rig) -> None:
    assert isinstance(rig.app.transport, ChunkTransport)
    assert isinstance(rig.consumer._new_consumer_thread(), ChunkConsumerThread)
    producer: Any = rig.app.producer
    assert isinstance(producer, IdempotentProducer)
    assert producer._settings_extra() == {"acks": "all", "enable_idempotence": True}


@pytest.mark.parametrize("read_committed", [True, False])
async def test_the_consumer_is_built_with_our_settings(read_committed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("aiokafka.AIOKafkaConsumer", lambda **settings: given.update(settings))
    worker = Worker(read_committed=read_committed, instance_id="pod-3", session_timeout=12.0)
    app = create_app(Config(redis=Redis(url="memory://"), worker=worker))
    consumer: Any = app.consumer
    consumer._thread._create_worker_consumer(app.transport)

    assert given["enable_auto_commit"] is False
    assert given["auto_offset_reset"] == "earliest"
    assert given["group_instance_id"] == "pod-3"
    assert given["session_timeout_ms"] == 12_000
    assert given["isolation_level"] == ("read_committed" if read_committed else "read_uncommitted")
    assert given["partition_assignment_strategy"] == [app.assignor]
