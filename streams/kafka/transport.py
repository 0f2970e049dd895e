"""The whole coupling to Faust's internals: chunks instead of events, our positions instead of its acks, our health checks.

Faust keeps what it is good at: the consumer group, the rebalance sequence, agents, timers, the life cycle. Facts about Faust
0.15 that this file relies on, each with a test in ``tests/streams/kafka``:

- ``getmany`` calls ``_getmany(active_partitions=, timeout=)`` by keyword and hands out what it returns, one item per record:
  returning a list with one *chunk* makes an agent see chunks.
- ``perform_seek`` overwrites every earlier seek, so the position is restored in ``seek_to_committed``; that is called out of
  turn in the middle of rebalances and so only seeks.
- aiokafka parks its coordinator on an unexpected error until somebody calls ``check_errors``; Faust never does.
- Inputs are declared with ``acks=False``: Faust tracks and commits nothing; ``force_commit`` commits ours (``commits``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import aiokafka
import faust
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from driftbell.runtime.config.model import Config
from driftbell.runtime.epochs import Span
from driftbell.runtime.kafka import aiokafka_settings
from driftbell.runtime.kafka.fetching import epochs_read, tolerate_unreadable_records
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.engine import Engine
from driftbell.streams.errors import DriftbellError
from driftbell.streams.kafka.commits import CommitOutcome, OffsetCommits
from driftbell.streams.kafka.logs.questions import Questions, asked
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A long poll keeps the one request in flight to a broker; other partitions wait for it, so it is short.
FETCH_MAX_WAIT_MS = 100

#: The longest that a poll of the fetcher waits for records, and so a seek for a poll.
POLL_SECONDS = 0.2

#: A record's timestamp is when the broker appended it (Kafka's ``TimestampType``).
LOG_APPEND_TIME = 1

#: Coordinator errors in a row after which the worker gives up; one a second.
COORDINATOR_PATIENCE = 30


class ChunkLostError(DriftbellError):
    """Faust dropped a fetched chunk: going on would lose records, a restart reads them again."""


class Chunk(NamedTuple):
    """All records of one fetch of one partition."""

    records: Sequence[Any]
    #: The offset after the chunk fetched before it; None for the first after a seek.
    follows: int | None
    #: How many seeks of its partition came before it.
    seeks: int
    #: Where the leaders' epochs begin of which its records are.
    epochs: Sequence[Span] = ()


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """The aiokafka consumer in its thread, with driftbell's settings."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        app = cast(DriftbellApp, self.app)
        worker, conf = app.driftbell.worker, self.app.conf
        tolerate_unreadable_records()
        # Faust's own assignor places equal partition numbers of topics with equal counts together; RoundRobin would not.
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            **aiokafka_settings(app.driftbell.kafka)
            | {
                "group_id": conf.id,
                "group_instance_id": worker.instance_id,
                "partition_assignment_strategy": [self._assignor],
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
                "max_poll_records": conf.broker_max_poll_records,
                "max_partition_fetch_bytes": conf.consumer_max_fetch_size,
                "fetch_max_wait_ms": FETCH_MAX_WAIT_MS,
                "session_timeout_ms": round(worker.session_timeout * 1000),
                "heartbeat_interval_ms": round(conf.broker_heartbeat_interval * 1000),
                "rebalance_timeout_ms": round(conf.broker_rebalance_timeout * 1000),
                "isolation_level": "read_committed" if worker.read_committed else "read_uncommitted",
            }
        )

    async def check_coordinator(self) -> None:
        """Raise what has stopped the group coordination, if anything has."""
        coordinator = self._ensure_consumer()._coordinator
        if coordinator is not None:
            coordinator.check_errors()

    def read_to(self, tp: TP) -> int:
        """How far a partition was read, markers of transactions and the like included; 0: not known."""
        subscription = self._ensure_consumer()._subscription.subscription
        state = subscription and subscription.assignment and subscription.assignment.state_value(TopicPartition(*tp))
        return int(state.position) if state and state.has_valid_position else 0

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit offsets of what is still assigned."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if TopicPartition(tp.topic, tp.partition) in assigned
        }
        if wanted:
            await consumer.commit(wanted)


class ChunkConsumer(driver.Consumer):
    """Faust's consumer in chunks; also the engine's view of the input topics."""

    _thread: ChunkConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fetched: dict[TP, int] = {}
        self._delivered: dict[TP, int] = {}
        self._read_to: dict[TP, int] = {}  # when the last poll brought nothing of a partition
        self._seeks: Counter[TP] = Counter()
        #: Held while fetching and while seeking: what a fetch returns that overlaps a seek may lie before or after it, and
        #: taking it for the other loses records (seen under SIGKILL: 108 labels).
        self._seeking = asyncio.Lock()
        self._fetches = 0
        #: What the engine asks of the inputs.
        self.ask = Questions(lambda: self._thread)
        #: Everything about committed offsets.
        self.commits = OffsetCommits(lambda offsets: self._thread.call_thread(self._thread.commit_offsets, offsets))
        self.coordinator_errors = 0

    @property
    def _engine(self) -> Engine:
        return cast(DriftbellApp, self.app).engine

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # ---- chunks

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109  (Faust's name)
        app = cast(DriftbellApp, self.app)
        wanted = {tp for tp in active_partitions or () if not self._engine.full(app.source(tp))}
        if not wanted:
            await self.sleep(0.02)
            return {}
        # A seek waits for the fetch in flight, so polls are short; see ``_seeking``.
        async with self._seeking:
            records = await super()._getmany(active_partitions=wanted, timeout=min(timeout, POLL_SECONDS))
        self._fetches += 1
        # Asked now, as between two polls nothing that was read is still on its way.
        self._read_to |= {tp: self._thread.read_to(tp) for tp in wanted.difference(records or ())}
        chunks: dict[TP, list[Chunk]] = {}
        for tp, fetched in (records or {}).items():
            # Before Faust sees them: of what lies below its own offset it drops chunk after chunk without a word.
            if fetched and not self._engine.logs.goes_back(app.source(tp), fetched[0].offset):
                epochs = epochs_read(tp, fetched[0].offset, fetched[-1].offset)
                chunks[tp] = [Chunk(fetched, self._fetched.get(tp), self._seeks[tp], epochs)]
                self._fetched[tp] = fetched[-1].offset + 1
        return chunks

    def _to_message(self, tp: TP, chunk: Chunk) -> ConsumerMessage:
        last = chunk.records[-1]
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            [],
            None,
            cast(bytes, chunk),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def deliver(self, tp: TP, chunk: Chunk) -> None:
        """Pass a chunk from the agent to the engine.

        Raises:
            ChunkLostError: the chunk before it never arrived.
        """
        if chunk.seeks != self._seeks[tp]:
            return
        if chunk.follows is not None and (delivered := self._delivered.get(tp)) != chunk.follows:
            raise ChunkLostError(
                f"{tp}: records up to {chunk.follows} were fetched, and delivered only up to {delivered}"
            )
        self._delivered[tp] = chunk.records[-1].offset + 1
        last = chunk.records[-1]
        appended_ms = last.timestamp if last.timestamp_type == LOG_APPEND_TIME else None
        self._engine.deliver(cast(DriftbellApp, self.app).source(tp), chunk.records, appended_ms, chunk.epochs)

    # ---- positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to the checkpoints' offsets. Called out of turn by Faust, so it does nothing else."""
        async with self._seeking:
            committed = dict(await super().seek_to_committed())
            assigned = self.assignment()
            app = cast(DriftbellApp, self.app)
            ours = {tp: offset for s, offset in self._engine.positions().items() if (tp := app.tp(s)) in assigned}
            if ours:
                await self._thread.seek_wait(ours)
            # Those that are not ours were sought above, to Kafka's offset.
            self._start_anew(assigned)
        return committed | ours

    async def rewind(self, offsets: Mapping[TP, int]) -> None:
        """Read on from these offsets in the middle of a generation."""
        ours = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        async with self._seeking:
            await self._thread.seek_wait(ours)
            self._start_anew(ours)
        for tp, offset in ours.items():
            # Faust drops what lies below its own read offset.
            self._read_offset[tp] = offset or None

    def _start_anew(self, tps: Iterable[TP]) -> None:
        for tp in tps:
            self._fetched.pop(tp, None)
            self._delivered.pop(tp, None)
            self._read_to.pop(tp, None)
            self._seeks[tp] += 1

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust's interval commit, and ours before letting go; see ``OffsetCommits.commit``."""
        return await self.commits.commit() is CommitOutcome.COMMITTED

    # ---- health

    @Service.task
    async def _watch_coordinator(self) -> None:
        in_a_row = 0
        while not self.should_stop:
            await self.sleep(1.0)
            try:
                await self._thread.call_thread(self._thread.check_coordinator)
                in_a_row = 0
            except KafkaError as error:
                in_a_row += 1
                self.coordinator_errors += 1
                log.warning("group coordination stopped, starting it again: %r", error)
                if in_a_row >= COORDINATOR_PATIENCE:
                    await self.crash(error)

    async def verify_all_partitions_active(self) -> None:
        """Faust's livelock detector knows nothing of our commits; ``ops`` judges progress instead."""

    # ---- how far the inputs are fetched

    async def settled_position(self, tp: TP) -> int:
        """The position of the fetcher, once nothing fetched before it can still be on its way here."""
        position = await asked(self._thread.position(tp))
        # A fetch may have moved the position and not yet returned: wait for one that began after the question.
        target = self._fetches + 2
        while self._fetches < target and not self.should_stop:
            await self.sleep(0.05)
        return int(position or 0)

    def in_flight(self, tp: TP) -> bool:
        """Whether a fetched chunk has not reached the engine."""
        return tp in self._fetched and self._fetched[tp] != self._delivered.get(tp)

    def lag(self, tp: TP, done: int) -> int | None:
        """Records from ``done`` to the last known end (None: not known), as far as there is anything to be done with them."""
        # Where all that was fetched is done, what is left below the fetcher's position is never delivered.
        read = self._read_to.get(tp, 0) if self._fetched.get(tp, 0) <= done else 0
        end = cast(int | None, self.highwater(tp))
        return None if end is None else max(0, end - max(done, read))


class IdempotentProducer(driver.Producer):
    """Faust's producer, idempotent and with the configuration's security."""

    def _settings_auth(self) -> Mapping[str, Any]:
        settings = aiokafka_settings(cast(DriftbellApp, self.app).driftbell.kafka)
        return {name: value for name, value in settings.items() if name.startswith(("security", "sasl", "ssl"))}

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    @property
    def current(self) -> object:
        """What sends now; see ``replace``."""
        return self._producer

    async def replace(self, broken: Any) -> None:
        """Send through a new producer, with sequence numbers of its own; nothing when ``broken`` is no longer in use."""
        async with self._replacing:
            old = self._producer
            if old is None or broken is not old:
                return
            fresh = self._new_producer()
            await fresh.start()
            self._producer = fresh
        log.warning("the producer of our outputs is replaced by a new one")
        with suppress(KafkaError):
            await old.stop()

    @cached_property
    def _replacing(self) -> asyncio.Lock:
        return asyncio.Lock()


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with the two classes above."""

    Consumer = ChunkConsumer
    Producer = IdempotentProducer


class DriftbellApp(faust.App):
    """A Faust app that knows driftbell's configuration and engine; ``driftbell.streams.app`` builds it."""

    driftbell: Config
    engine: Engine
    failing: asyncio.Future[None] | None = None
    #: The start-up checks for Faust's own ``worker`` command; ``driftbell worker`` runs them itself.
    check: Callable[[], int | None] | None = None
    #: How many partitions the inputs had at the start; None: not known.
    partitions_at_start: int | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: What runs beside the app from before it joins the group; Faust's own tasks begin once partitions are assigned.
        self.from_the_start: list[Callable[[], Coroutine[Any, Any, None]]] = []

    async def on_first_start(self) -> None:
        """Begin what runs from the start."""
        await super().on_first_start()
        for work in self.from_the_start:
            self.add_future(work())

    def source(self, tp: TP) -> Source:
        """Which input a topic partition is."""
        return self._inputs[tp.topic], tp.partition

    def tp(self, source: Source) -> TP:
        """Which topic partition an input is."""
        return TP(source[0].topic(self.driftbell.topics), source[1])

    @cached_property
    def _inputs(self) -> dict[str, Input]:
        return {source.topic(self.driftbell.topics): source for source in Input}

    def _create_directories(self) -> None:
        # For tables on disk, which we do not have; a worker runs on a file system that it may only read.
        pass

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_producer, self)
