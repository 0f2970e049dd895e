"""The engine: claims partitions, feeds their runners and advances the watermarks of their inputs. It knows no Faust.

``transport`` tells it what Kafka does (assigned, revoked, fetched) and carries out what it wants done (``Broker``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from driftbell.runtime.config.model import Config
from driftbell.runtime.epochs import Span
from driftbell.streams.checkpoints.checkpoint import Checkpoint, CheckpointStore
from driftbell.streams.engine.assignment import Assignment
from driftbell.streams.engine.broker import Broker, Source
from driftbell.streams.engine.counters import EngineCounts, PastCounts
from driftbell.streams.engine.journal import Journal
from driftbell.streams.engine.logs.log_watch import LogWatch
from driftbell.streams.engine.ownership import Ownership
from driftbell.streams.engine.runner import Runner, Stopped
from driftbell.streams.engine.set_aside import Concern, Failure, SetAside, concern_of
from driftbell.streams.engine.timing.agreed_clock import AgreedClock, ask_for_the_time
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.time_slice import TimeSlice, measure_loop_lag
from driftbell.streams.engine.watermarks import Watermarks
from driftbell.streams.errors import DriftbellError
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

#: Records of one input buffered in a partition before fetching it stops, and below which it goes on.
BUFFER_RECORDS = 40_000

#: Memory that the buffered records of all inputs of this worker may take together; each input has an equal part of it. Without
#: it a worker that catches up on 12 partitions held a gigabyte of records.
BUFFER_BYTES = 64 * 1024 * 1024

#: ... but at least so much per input: a chunk or two.
LEAST_BUFFER_BYTES = 1024 * 1024

#: How long a revoked partition may take for its last save; the group waits for us meanwhile.
REVOKE_SECONDS = 5.0


class Engine:
    """All partitions that this worker holds.

    Args:
        owner: names this worker in the store, for people.
        input_partitions: how many partitions the inputs have, as far as that is known when a partition is claimed.
        on_failure: called with the exception after which the worker must exit; partitions are not saved after it.
    """

    def __init__(
        self,
        config: Config,
        store: CheckpointStore,
        broker: Broker,
        *,
        owner: str,
        clock: Clock,
        on_failure: Callable[[BaseException], None],
        input_partitions: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.config = config
        self.counts = EngineCounts()
        self._store = store
        self._broker = broker
        self._clock = AgreedClock(clock)
        self._on_failure = on_failure
        self._runners: dict[int, Runner] = {}
        #: Runners on their way out: still counted, so that no counter ever falls while they save for the last time.
        self._leaving: list[Runner] = []
        self._past = PastCounts()
        self._stopping = False
        #: What the group has assigned last; after a revocation, what it will.
        self._assignment = Assignment()
        self._assigning = asyncio.Lock()
        self._time_slice = TimeSlice(self._clock)
        self._settled = False
        #: Partitions that are claimed and read again, as the store has lost saves.
        self._rewinding: set[int] = set()
        self._journal = Journal(self._clock)
        self._failures = SetAside()
        #: Partitions that could not be claimed and are tried again, with the generation for which.
        self._unclaimed: dict[int, int] = {}
        self._ownership = Ownership(
            config,
            store,
            broker,
            self.counts,
            owner=owner,
            clock=self._clock,
            time_slice=self._time_slice,
            journal=self._journal,
            input_partitions=input_partitions,
        )
        self.logs = LogWatch(self._runners, self._rewinding, broker, self.counts, self._clock, self._gone, on_failure)
        self._watermarks = Watermarks(
            self._runners,
            broker,
            config.worker,
            self.counts,
            clock=self._clock,
            journal=self._journal,
            on_failure=on_failure,
            held_back=self.logs.holds,
        )
        self._tasks: list[asyncio.Task[None]] = []

    # ---- life

    async def stop(self) -> None:
        """Let every partition go, saved. Whatever Faust still assigns is not claimed."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.revoked()
        await self._store.close()

    # ---- what Kafka does

    async def assigned(self, partitions: Iterable[int], generation: int) -> None:
        """Claim partitions for a generation and load their checkpoints. Idempotent within a generation.

        What is revoked before its claim is done is not claimed.
        """
        if self._stopping:
            return
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._watermarks.run(), name="watermarks"),
                asyncio.create_task(self.logs.run(), name="logs"),
                asyncio.create_task(measure_loop_lag(self.counts.blocked, self._clock), name="loop-lag"),
                asyncio.create_task(ask_for_the_time(self._clock, self._store.time_ms), name="store-time"),
            ]
        # Of the moment: when it is our turn, the group may have revoked it.
        assignment = self._assignment
        async with self._assigning:
            if not assignment.revoked:
                await self._take_over(assignment, set(partitions), generation)
        self._settled = True

    async def _take_over(self, assignment: Assignment, wanted: set[int], generation: int) -> None:
        await self._let_go([p for p, r in self._runners.items() if p not in wanted or r.generation != generation])
        self._unclaimed = {p: g for p, g in self._unclaimed.items() if p in wanted and g == generation}
        new = sorted(wanted - self._runners.keys() - self._rewinding - self._unclaimed.keys())
        if new and not assignment.revoked:
            self.counts.rebalances += 1
            self._journal.assigned(new, generation)
        elif not wanted and not self._settled:
            self._journal.assigned([], generation)
        await assignment.run({f"claim-{p}": partial(self._try_to_claim, assignment, p, generation) for p in new})

    async def revoked(self) -> None:
        """Save and let go of everything: Faust's rebalances revoke all partitions before they assign some."""
        assignment, self._assignment = self._assignment, Assignment()
        # Not waited for: what claims ask may have no answer any more, as on the way out Faust has stopped the consumer.
        await assignment.revoke()
        self._unclaimed.clear()
        self._journal.taken_away(list(self._runners))
        await self._let_go(list(self._runners))

    def deliver(
        self, source: Source, records: Sequence[object], appended_ms: int | None = None, epochs: Sequence[Span] = ()
    ) -> None:
        """Fetched records of one input of one partition, in offset order.

        ``appended_ms`` is when a broker appended the last of them, where the topic keeps append times; ``epochs`` are those of
        the leaders that did, where they begin.

        Ignored for partitions not held, and for those that are being rewound: what was fetched before would leave a gap.
        """
        if appended_ms is not None:
            self._clock.broker_appended(appended_ms)
        runner = self._runners.get(source[1])
        if runner is not None and runner.stopped is None and source[1] not in self._rewinding:
            self.logs.deliver(runner, source, records, epochs)

    def positions(self) -> dict[Source, int]:
        """Where to go on reading: the checkpoints' offsets of the partitions held."""
        return {
            (stream, index): runner.partition.fetched(stream)
            for index, runner in self._runners.items()
            for stream in Input
        }

    def full(self, source: Source) -> bool:
        """Whether fetching this input should pause."""
        runner = self._runners.get(source[1])
        if runner is None:
            return source[1] in self._unclaimed
        if runner.stopped is Stopped.FAILED or self.logs.holds(source):
            # It is read again from its checkpoint, when it is tried again; or a leader is asked first.
            return True
        most = max(LEAST_BUFFER_BYTES, BUFFER_BYTES // (len(Input) * len(self._runners)))
        partition, stream = runner.partition, source[0]
        return partition.buffered(stream) >= BUFFER_RECORDS or partition.buffered_bytes(stream) >= most

    # ---- what people ask

    @property
    def partitions(self) -> Mapping[int, Partition]:
        """The partitions held, by index."""
        return {index: runner.partition for index, runner in self._runners.items()}

    @property
    def ready(self) -> bool:
        """Whether the group has assigned us partitions (or none: we stand by) and none is being claimed for the first time."""
        return self._settled and (not self._assignment.busy or bool(self._unclaimed))

    @property
    def joined(self) -> bool:
        """Whether the group has assigned us anything yet, be it no partition."""
        return bool(self._tasks)

    @property
    def silent_seconds(self) -> float:
        """Seconds since the main loop last ran; 0 before the first assignment."""
        return 0.0 if not self._tasks else self._clock.monotonic() - self._watermarks.progress_at

    @property
    def brokers_silent_seconds(self) -> float:
        """For how long no broker has answered; 0 while no partition is held."""
        return self._watermarks.brokers_silent_seconds

    @property
    def runners(self) -> Mapping[int, Runner]:
        """The runners, by partition index."""
        return self._runners

    @property
    def set_aside(self) -> Mapping[int, Failure]:
        """The partitions that have failed and wait to be tried again, by index."""
        failed = [index for index, runner in self._runners.items() if runner.stopped is Stopped.FAILED]
        return {index: self._failures[index] for index in [*failed, *self._unclaimed] if index in self._failures}

    @property
    def clock_offset_seconds(self) -> float:
        """How far this machine's clock is ahead of the time on which Redis and the brokers agree."""
        return self._clock.offset_ms / 1000

    def checkpoint_age(self, index: int) -> float:
        """Seconds since the last save of a partition held."""
        return self._clock.monotonic() - self._runners[index].last_saved_at

    # ---- ownership

    async def _try_to_claim(self, assignment: Assignment, index: int, generation: int) -> None:
        """Claim a partition, or set it aside; raises what concerns the whole worker."""
        try:
            await self._claim(assignment, index, generation)
        except Exception as error:
            if concern_of(error) is Concern.WORKER:
                raise
            self._unclaimed[index] = generation
            again = partial(self._claim_later, assignment, index, generation)
            self._set_aside(index, self._failures.not_claimed(index, error), error, again)
        else:
            self._unclaimed.pop(index, None)

    def _claim_later(self, assignment: Assignment, index: int, generation: int) -> None:
        if not assignment.revoked and self._unclaimed.get(index) == generation:
            self._rewinding.add(index)
            again = partial(self._claim_and_rewind, assignment, index, generation)
            assignment.start(again, f"claim-again-{index}", partial(self._claimed_again, index))

    async def _claim(self, assignment: Assignment, index: int, generation: int) -> None:
        claimed = await self._ownership.claim(index, generation)
        self._failures.prepare(claimed.partition)
        runner = Runner(
            claimed.partition,
            generation,
            claimed.sequence,
            config=self.config,
            store=self._store,
            publisher=self._broker,
            clock=self._clock,
            time_slice=self._time_slice,
            journal=self._journal,
            on_failure=partial(self._failed, assignment, index),
            on_rolled_back=partial(self._rolled_back, assignment),
            on_saved=partial(self._saved, index),
        )
        self._runners[index] = runner
        runner.start()

    def _failed(self, assignment: Assignment, index: int, error: BaseException) -> None:
        """A partition has failed: set it aside and try it again later, unless the error concerns all of them."""
        runner = self._runners.get(index)
        if concern_of(error) is Concern.WORKER or runner is None:
            self._on_failure(error)
            return
        again = partial(self._try_again, assignment, runner)
        self._set_aside(index, self._failures.failed(runner, error), error, again)

    def _set_aside(self, index: int, failure: Failure, error: BaseException, again: Callable[[], None]) -> None:
        self.counts.partition_failures += 1
        log.error(
            "partition %d failed and is set aside: it begins again at its checkpoint in %.0f s (failure %d): %s",
            index, failure.pause_seconds, failure.times, failure.error,
            exc_info=None if isinstance(error, DriftbellError | OSError) else error,
        )  # fmt: skip
        asyncio.get_running_loop().call_later(failure.pause_seconds, again)

    def _try_again(self, assignment: Assignment, runner: Runner) -> None:
        index = runner.partition.index
        if not assignment.revoked and self._runners.get(index) is runner:
            self._begin_again(assignment, index, Stopped.FAILED)

    def _saved(self, index: int, checkpoint: Checkpoint) -> None:
        if (failure := self._failures.saved(index, checkpoint.offsets)) is not None:
            log.warning("partition %d goes on after %d failures", index, failure.times)
            for source, offset in failure.stepped_over:
                log.error("%s [%d]: stepped over the record at offset %d: %s", source, index, offset, failure.error)

    def _rolled_back(self, assignment: Assignment, index: int) -> None:
        self.counts.rolled_back_stores += not assignment.revoked
        self._begin_again(assignment, index, Stopped.ROLLED_BACK)

    def _gone(self, index: int) -> None:
        self._begin_again(self._assignment, index, Stopped.INPUT_GONE)

    def _begin_again(self, assignment: Assignment, index: int, why: Stopped) -> None:
        if assignment.revoked or index in self._rewinding:
            return
        self._rewinding.add(index)
        again = partial(self._claim_again, assignment, index, why)
        assignment.start(again, f"claim-again-{index}", partial(self._claimed_again, index))

    async def _claim_again(self, assignment: Assignment, index: int, why: Stopped) -> None:
        """Go back to what the store still has, in the middle of a generation."""
        runner = self._runners.pop(index)
        self._leaving.append(runner)
        try:
            await runner.stop(why, deadline_seconds=REVOKE_SECONDS)
        finally:
            self._settle(runner)
        await self._claim_and_rewind(assignment, index, runner.generation)

    async def _claim_and_rewind(self, assignment: Assignment, index: int, generation: int) -> None:
        await self._try_to_claim(assignment, index, generation)
        if index in self._unclaimed:
            return
        partition = self._runners[index].partition
        await self._broker.rewind({(stream, index): partition.fetched(stream) for stream in Input})
        # From here on what is delivered was fetched after the rewind.
        self._rewinding.discard(index)

    def _claimed_again(self, index: int, task: asyncio.Task[None]) -> None:
        self._rewinding.discard(index)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)

    async def _let_go(self, partitions: Sequence[int]) -> None:
        runners = [self._runners.pop(partition) for partition in partitions]
        self._leaving += runners
        stops = [r.stop(r.stopped or Stopped.REVOKED, deadline_seconds=REVOKE_SECONDS) for r in runners]
        try:
            failed = [end for end in await asyncio.gather(*stops, return_exceptions=True) if end is not None]
        finally:
            for runner in runners:
                self._settle(runner)
        if failed:
            raise failed[0]

    def _settle(self, runner: Runner) -> None:
        """Keep what a runner that goes has counted."""
        self._leaving.remove(runner)
        self._past.add(runner)
        self.counts.add(runner)

    # ---- what is counted; a counter never falls while this process lives

    def totals(self) -> EngineCounts:
        """The counts of this process, those of the partitions now held included."""
        now = self.counts.copy()
        for runner in (*self._runners.values(), *self._leaving):
            now.add(runner)
        return now

    def run_counts(self) -> Counter[str]:
        """``Partition.run_counts`` over all partitions that this process has held."""
        now = Counter(self._past.counts)
        for runner in (*self._runners.values(), *self._leaving):
            now.update(runner.partition.run_counts)
        return now

    def run_joins(self) -> Counter[str]:
        """``Partition.run_joins`` over all partitions that this process has held."""
        now = Counter(self._past.joins)
        for runner in (*self._runners.values(), *self._leaving):
            now.update(runner.partition.run_joins)
        return now
