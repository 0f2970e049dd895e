"""The engine: claims partitions, feeds their runners and proves how far the inputs are complete. It knows no Faust.

``transport`` tells it what Kafka does (assigned, revoked, fetched) and carries out what it wants done (``Broker``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from runtime.config import Config
from streams.checkpoint import Checkpoint, CheckpointStore, Claim, ClaimOutcome, Stored
from streams.clock import Clock
from streams.crash_points import CrashPoint, reach
from streams.distribution import Distribution
from streams.errors import StateLost, StoreUnavailable
from streams.partition import Partition
from streams.reasons import Loss
from streams.records import Input
from streams.runner import ALERT_DELAY_SECONDS, RETRY_SECONDS, SAVE_SECONDS, Publisher, Runner, Stopped
from streams.turn import Turn

log = logging.getLogger(__name__)

#: One input of one partition.
Source = tuple[Input, int]

#: How often the brokers are asked where the inputs end while records wait for that answer; 50 ms were measured to keep the
#: order of a joined stream identical to a merge of the topics' contents.
PROOF_SECONDS = 0.05

#: How long one such question may take.
PROOF_TIMEOUT_SECONDS = 5.0

#: Records of one input buffered in a partition before fetching it stops, and below which it goes on.
BUFFER_RECORDS = 40_000

#: Memory that the buffered records of all inputs of this worker may take together; each input has an equal part of it. Without
#: it a worker that catches up on 12 partitions held a gigabyte of records.
BUFFER_BYTES = 128 * 1024 * 1024

#: ... but at least so much per input: a chunk or two.
LEAST_BUFFER_BYTES = 1024 * 1024

#: A generation counts as gone, and the group as reset, when its last save is this many sessions old.
STALE_SESSIONS = 10

#: How long a revoked partition may take for its last save; the group waits for us meanwhile.
REVOKE_SECONDS = 5.0

#: Bounds of the time that the event loop could not run; 0.25 s is what it must never exceed.
LOOP_BLOCKED_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Broker(Publisher, Protocol):
    """What the engine needs of Kafka."""

    async def end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """Where each input ends now, asked of the brokers; raises OSError when they do not answer."""

    async def earliest_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """Where each input begins."""

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """The group's committed offsets, where there are any."""

    async def position(self, source: Source) -> int:
        """The offset of the next record to be fetched; past control records, which are never delivered."""

    def in_flight(self, source: Source) -> bool:
        """Whether records were fetched that have not been delivered."""

    async def rewind(self, offsets: Mapping[Source, int]) -> None:
        """Read on from these offsets; what was fetched before is not delivered any more."""

    async def commit(self, offsets: Mapping[Source, int]) -> None:
        """Show progress in Kafka; may fail silently, the checkpoint is the truth."""


@dataclass(slots=True)
class EngineCounts:
    """What the engine counts in this process; see ``streams.metrics`` for their meaning."""

    rebalances: int = 0
    fenced_saves: int = 0
    rolled_back_stores: int = 0
    skipped_replay: int = 0
    offset_gaps: int = 0
    unproven_waits: int = 0
    loop_blocked_seconds_max: float = 0.0
    loop_blocked: Distribution = field(default_factory=lambda: Distribution(LOOP_BLOCKED_SECONDS))
    save_seconds: Distribution = field(default_factory=lambda: Distribution(SAVE_SECONDS))
    alert_delay: Distribution = field(default_factory=lambda: Distribution(ALERT_DELAY_SECONDS))
    lost_input: Counter[tuple[Input, Loss]] = field(default_factory=Counter)

    def add(self, runner: Runner) -> None:
        """Count what one partition has counted, too."""
        self.fenced_saves += runner.fenced_saves
        self.skipped_replay += runner.partition.skipped_replay
        self.offset_gaps += runner.partition.offset_gaps
        self.save_seconds.update(runner.save_seconds)
        self.alert_delay.update(runner.alert_delay)


class Engine:
    """All partitions that this worker holds.

    Args:
        owner: names this worker in the store, for people.
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
    ) -> None:
        self.config = config
        self.counts = EngineCounts()
        self.progress_at = clock.monotonic()
        self._store = store
        self._broker = broker
        self._owner = owner
        self._clock = clock
        self._on_failure = on_failure
        self._runners: dict[int, Runner] = {}
        #: Runners on their way out: still counted, so that no counter ever falls while they save for the last time.
        self._leaving: list[Runner] = []
        #: What partitions no longer held had counted in this process.
        self._past_counts: Counter[str] = Counter()
        self._past_joins: Counter[str] = Counter()
        self._claiming: set[int] = set()
        #: How often everything was revoked: a claim that began before the latest is for a rebalance that is over.
        self._revocations = 0
        self._assigning = asyncio.Lock()
        self._turn = Turn(clock)
        self._settled = False
        self._reclaims: dict[int, asyncio.Task[None]] = {}
        self._last_proof: dict[int, float] = {}
        self._answered_at = clock.monotonic()
        self._proofs: asyncio.Task[None] | None = None

    # ---- life

    async def stop(self) -> None:
        """Let every partition go, saved."""
        if self._proofs is not None:
            self._proofs.cancel()
            await asyncio.gather(self._proofs, return_exceptions=True)
        await self.revoked()
        await self._store.close()

    # ---- what Kafka does

    async def assigned(self, partitions: Iterable[int], generation: int) -> None:
        """Claim partitions for a generation and load their checkpoints. Idempotent within a generation.

        What is revoked before its claim is done is not claimed.
        """
        if self._proofs is None:
            self._proofs = asyncio.create_task(self._prove_for_ever(), name="proofs")
        asked_in = self._revocations
        async with self._assigning:
            if asked_in == self._revocations:
                await self._assigned(set(partitions), generation)
        self._settled = True

    async def _assigned(self, wanted: set[int], generation: int) -> None:
        await self._let_go([p for p in self._runners if p not in wanted or self._runners[p].generation != generation])
        new = sorted(wanted - self._runners.keys() - self._reclaims.keys())
        if new:
            self.counts.rebalances += 1
        self._claiming = set(new)
        try:
            await asyncio.gather(*(self._claim(partition, generation) for partition in new))
        finally:
            self._claiming = set()

    async def revoked(self) -> None:
        """Save and let go of everything: Faust's rebalances revoke all partitions before they assign some."""
        self._revocations += 1
        for task in list(self._reclaims.values()):
            task.cancel()
        await asyncio.gather(*self._reclaims.values(), return_exceptions=True)
        await self._let_go(list(self._runners))

    def deliver(self, source: Source, records: Sequence[object]) -> None:
        """Fetched records of one input of one partition, in offset order.

        Ignored for partitions not held, and for those that are being rewound: what was fetched before would leave a gap.
        """
        stream, partition = source
        runner = self._runners.get(partition)
        if runner is not None and runner.stopped is None and partition not in self._reclaims:
            runner.push(stream, records)

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
            return False
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
        """Whether the group has assigned us partitions (or none: we stand by) and none is being claimed."""
        return self._settled and not self._claiming

    @property
    def silent_seconds(self) -> float:
        """Seconds since the main loop last went round; 0 before the first assignment."""
        return 0.0 if self._proofs is None else self._clock.monotonic() - self.progress_at

    @property
    def runners(self) -> Mapping[int, Runner]:
        """The runners, by partition index."""
        return self._runners

    def checkpoint_age(self, index: int) -> float:
        """Seconds since the last save of a partition held."""
        return self._clock.monotonic() - self._runners[index].last_saved_at

    # ---- claims

    async def _claim(self, index: int, generation: int) -> None:
        asked_in = self._revocations
        claim = await self._claim_with_patience(index, generation)
        if claim is None:
            return
        reach(CrashPoint.CLAIMED)
        partition = await self._restored(index, claim.stored)
        if claim.outcome is ClaimOutcome.FRESH:
            await self._refuse_lost_state(index)
        await self._compare_with_log(partition)
        if asked_in != self._revocations:
            return
        runner = Runner(
            partition,
            generation,
            claim.stored.sequence if claim.stored is not None else 0,
            config=self.config,
            store=self._store,
            publisher=self._broker,
            commit=self._commit,
            clock=self._clock,
            turn=self._turn,
            on_failure=self._on_failure,
            on_rolled_back=self._rolled_back,
        )
        self._runners[index] = runner
        runner.start()

    async def _restored(self, index: int, stored: Stored | None) -> Partition:
        """A partition as it was saved; its models, of which there may be thousands, one by one."""
        if stored is None:
            return Partition(index, self.config)
        async with self._turn:
            partition = Partition(index, self.config, replace(stored, models={}))
        await self._turn.exhaust(partition.restore_models(stored.models))
        return partition

    def _rolled_back(self, index: int) -> None:
        task = asyncio.create_task(self._claim_again(index), name=f"claim-again-{index}")
        self._reclaims[index] = task
        task.add_done_callback(lambda done: self._reclaimed(index, done))

    async def _claim_again(self, index: int) -> None:
        """Go back to what the store still has, in the middle of a generation."""
        runner = self._runners.pop(index)
        self._leaving.append(runner)
        try:
            await runner.stop(Stopped.ROLLED_BACK, deadline_seconds=REVOKE_SECONDS)
        finally:
            self._settle(runner)
        self.counts.rolled_back_stores += 1
        await self._claim(index, runner.generation)
        partition = self._runners[index].partition
        await self._broker.rewind({(stream, index): partition.fetched(stream) for stream in Input})
        # From here on what is delivered was fetched after the rewind.
        self._reclaims.pop(index, None)

    def _reclaimed(self, index: int, task: asyncio.Task[None]) -> None:
        if self._reclaims.get(index) is task:
            del self._reclaims[index]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)

    async def _claim_with_patience(self, index: int, generation: int) -> Claim | None:
        """Claim until the store agrees; None when the partition was revoked meanwhile."""
        asked_in = self._revocations
        session = self.config.worker.session_timeout
        give_up_at = self._clock.monotonic() + self.config.worker.checkpoint_patience
        tries = 0
        while asked_in == self._revocations:
            try:
                claim = await self._store.claim(index, generation, self._owner, stale_after=STALE_SESSIONS * session)
                if claim.outcome is not ClaimOutcome.FENCED:
                    if claim.holder > generation:
                        log.warning(
                            "partition %d: generation %d, silent for %.0f s, gives way to generation %d: "
                            "the consumer group was reset",
                            index, claim.holder, claim.age_seconds, generation,
                        )  # fmt: skip
                    return claim
                reason = (
                    f"partition {index} is held by generation {claim.holder}, we are generation {generation}. If the consumer "
                    f"group was reset, its workers may start again {STALE_SESSIONS * session:.0f} s after their last save "
                    f"({claim.age_seconds:.0f} s ago), or at once after `driftbell state reset-fence`"
                )
                if self._clock.monotonic() >= give_up_at:
                    raise StateLost(reason)
                if tries == 0:
                    log.warning("%s", reason)
            except StoreUnavailable as error:
                if self._clock.monotonic() >= give_up_at:
                    raise
                if tries == 0:
                    log.warning("partition %d waits for the checkpoint store: %s", index, error)
            await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1
        return None

    async def _refuse_lost_state(self, index: int) -> None:
        """An empty store while Kafka remembers commits means that the store was lost: a cold start must be wanted."""
        if self.config.worker.on_lost_state == "rebuild" or self.config.redis.url.startswith("memory"):
            return
        sources = [(stream, index) for stream in Input]
        committed = await self._answer(lambda: self._broker.committed(sources))
        if any(offset > 0 for offset in committed.values()):
            raise StateLost(
                f"Redis holds no checkpoint of partition {index} of group {self.config.worker.group}, but Kafka says that the "
                f"group has read it up to {max(committed.values()):,}. If Redis was emptied on purpose, set "
                f"worker.on_lost_state: rebuild to compute the state anew from all that the topics still hold; else restore it"
            )

    async def _compare_with_log(self, partition: Partition) -> None:
        """Find records that no longer exist: aiokafka would jump over them without a word."""
        sources = [(stream, partition.index) for stream in Input]
        earliest = await self._answer(lambda: self._broker.earliest_offsets(sources))
        ends = await self._answer(lambda: self._broker.end_offsets(sources))
        for source in sources:
            if source[0] not in partition.offsets:
                partition.begin_at(source[0], earliest[source])
                continue
            offset, first, end = partition.offsets[source[0]], earliest[source], ends[source]
            if offset > end:
                log.error("%s: the checkpoint is at %d, the log ends at %d: created anew", source, offset, end)
                self._lost(partition, source[0], offset, first, Loss.TOPIC_RECREATED)
            elif offset < first:
                log.error("%s: records %d to %d were deleted before they were read", source, offset, first)
                self._lost(partition, source[0], offset, first, Loss.RETENTION)

    def _lost(self, partition: Partition, stream: Input, offset: int, available: int, why: Loss) -> None:
        self.counts.lost_input[stream, why] += 1
        partition.lost_input(stream, offset, available, why.value)

    async def _answer(self, ask: Callable[[], Awaitable[Mapping[Source, int]]]) -> Mapping[Source, int]:
        """Ask the brokers until they answer; OSError after ``worker.checkpoint_patience``."""
        give_up_at = self._clock.monotonic() + self.config.worker.checkpoint_patience
        tries = 0
        while True:
            try:
                async with asyncio.timeout(PROOF_TIMEOUT_SECONDS):
                    return await ask()
            except (OSError, TimeoutError) as error:
                if self._clock.monotonic() >= give_up_at:
                    raise
                if tries == 0:
                    log.warning("waiting for the brokers to answer: %r", error)
            await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1

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
        self._past_counts.update(runner.partition.run_counts)
        self._past_joins.update(runner.partition.run_joins)
        self.counts.add(runner)

    async def _commit(self, index: int, checkpoint: Checkpoint) -> None:
        self.progress_at = self._clock.monotonic()
        await self._broker.commit({(Input(name), index): offset for name, offset in checkpoint.offsets.items()})

    # ---- what is counted; a counter never falls while this process lives

    def totals(self) -> EngineCounts:
        """The counts of this process, those of the partitions now held included."""
        now = replace(
            self.counts, save_seconds=self.counts.save_seconds.copy(), alert_delay=self.counts.alert_delay.copy()
        )
        for runner in (*self._runners.values(), *self._leaving):
            now.add(runner)
        return now

    def run_counts(self) -> Counter[str]:
        """``Partition.run_counts`` over all partitions that this process has held."""
        now = Counter(self._past_counts)
        for runner in (*self._runners.values(), *self._leaving):
            now.update(runner.partition.run_counts)
        return now

    def run_joins(self) -> Counter[str]:
        """``Partition.run_joins`` over all partitions that this process has held."""
        now = Counter(self._past_joins)
        for runner in (*self._runners.values(), *self._leaving):
            now.update(runner.partition.run_joins)
        return now

    # ---- proofs

    async def _prove_for_ever(self) -> None:
        try:
            while True:
                slept_at = self._clock.monotonic()
                await asyncio.sleep(PROOF_SECONDS)
                self.progress_at = self._clock.monotonic()
                blocked = self.progress_at - slept_at - PROOF_SECONDS
                self.counts.loop_blocked_seconds_max = max(self.counts.loop_blocked_seconds_max, blocked)
                self.counts.loop_blocked.observe(max(0.0, blocked))
                sources = self._sources_to_prove()
                if sources:
                    await self._prove(sources)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._on_failure(error)

    def _sources_to_prove(self) -> list[Source]:
        """Empty inputs on which something waits: buffered records of the other input, or a tick of an idle partition."""
        now = self._clock.monotonic()
        sources: list[Source] = []
        for index, runner in self._runners.items():
            partition = runner.partition
            empty = partition.waiting_for
            if runner.stopped is not None or not empty:
                continue
            waits_for_records = len(empty) < len(Input)
            since = now - self._last_proof.get(index, 0.0)
            if waits_for_records or (partition.wants_tick and since >= self.config.worker.tick):
                self._last_proof[index] = now
                sources += [(stream, index) for stream in empty]
        return sources

    async def _prove(self, sources: list[Source]) -> None:
        asked_ms = self._clock.wall_ms()
        complete_ms = asked_ms - round(self.config.worker.clock_margin * 1000)
        try:
            async with asyncio.timeout(PROOF_TIMEOUT_SECONDS):
                ends = await self._broker.end_offsets(sources)
        except (OSError, TimeoutError) as error:
            self._go_on_unproven(sources, complete_ms, error)
            return
        self._answered_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(PROOF_TIMEOUT_SECONDS):
                for source in sources:
                    runner = self._runners.get(source[1])
                    if runner is not None and source in ends and await self._reached(runner, source, ends[source]):
                        runner.prove(source[0], complete_ms)
        except (OSError, TimeoutError) as error:
            # In a rebalance there may be no position, and no fetch to wait for.
            log.info("how far the inputs were fetched is not known just now: %r", error)

    def _go_on_unproven(self, sources: Sequence[Source], complete_ms: int, error: Exception) -> None:
        """Better a little disorder than a monitor that stands still for ever because a broker does not answer."""
        silent = self._clock.monotonic() - self._answered_at
        if silent < self.config.worker.max_idle:
            return
        log.warning("for %.0f s no broker has said where the inputs end (%r): going on without", silent, error)
        self.counts.unproven_waits += len(sources)
        for stream, index in sources:
            if (runner := self._runners.get(index)) is not None:
                runner.prove(stream, complete_ms)

    async def _reached(self, runner: Runner, source: Source, end: int) -> bool:
        if runner.partition.fetched(source[0]) >= end:
            return True
        # Transaction markers and compacted tails are never delivered: then only the fetch position reaches the end.
        return not self._broker.in_flight(source) and await self._broker.position(source) >= end
