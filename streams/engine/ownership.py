"""Ownership: claims partitions in the store for a generation, restores them, and compares them with what Kafka has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from driftbell.runtime.config.model import Config
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.checkpoints.checkpoint import CheckpointStore, Claim, ClaimOutcome, Stored
from driftbell.streams.encoding import BadStateError
from driftbell.streams.engine.broker import Broker, Source
from driftbell.streams.engine.counters import EngineCounts
from driftbell.streams.engine.crash_points import CrashPoint, reach
from driftbell.streams.engine.journal import Journal
from driftbell.streams.engine.logs.questions import Read, describe
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.retry import BROKER_TIMEOUT_SECONDS, Patience, retry
from driftbell.streams.engine.timing.time_slice import TimeSlice
from driftbell.streams.errors import RefusedError, StateLostError, StoreUnavailableError
from driftbell.streams.partition.input_logs.comparison import ActualLog, InputGone, compare
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A generation counts as gone, and the group as reset, when its last save is this many sessions old.
STALE_SESSIONS = 10


#: What is logged of a loss: input, partition, the checkpoint's offset, and where it is read on.
_LOST = {
    Loss.RETENTION: "%s [%d]: records %d to %d were deleted before they were read",
    Loss.TOPIC_RECREATED: "%s [%d]: the checkpoint is at %d of a topic that was recreated; the new one begins at %d",
    Loss.TAIL_LOST: "%s [%d]: the checkpoint is at %d, its leader's log holds what was read only up to %d: a replica without "
    "the latest records became the leader. Reading on from there",
}


@dataclass(frozen=True, slots=True)
class OwnedPartition:
    """A partition as it was saved, and the number of that save."""

    partition: Partition
    sequence: int


class _HeldError(StateLostError):
    """A later generation holds the partition."""


class Ownership:
    """Takes partitions for one worker.

    Args:
        owner: names this worker in the store, for people.
        input_partitions: how many partitions the inputs have, as far as that is known.
    """

    def __init__(
        self,
        config: Config,
        store: CheckpointStore,
        broker: Broker,
        counts: EngineCounts,
        *,
        owner: str,
        clock: Clock,
        time_slice: TimeSlice,
        journal: Journal,
        input_partitions: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._config = config
        self._input_partitions = input_partitions
        self._store = store
        self._broker = broker
        self._counts = counts
        self._owner = owner
        self._patience = Patience(clock, config.worker.checkpoint_patience)
        self._time_slice = time_slice
        self._journal = journal

    async def claim(self, index: int, generation: int) -> OwnedPartition:
        """Take one partition.

        Raises:
            StateLostError: the store has lost the partition, or a later generation keeps it.
            RefusedError: the checkpoint was written by a newer driftbell, or is damaged.
            StoreUnavailableError, OSError: the store or the brokers did not answer within ``worker.checkpoint_patience``.
        """
        claim = await self._claim_with_patience(index, generation)
        reach(CrashPoint.CLAIMED)
        partition = await self._restored(index, claim.stored)
        if claim.outcome is ClaimOutcome.FRESH:
            await self._refuse_lost_state(index)
        await self._compare_with_log(partition)
        return OwnedPartition(partition, claim.stored.sequence if claim.stored is not None else 0)

    async def _restored(self, index: int, stored: Stored | None) -> Partition:
        """A partition as it was saved; its models, of which there may be thousands, one by one."""
        if stored is None:
            return Partition(index, self._config, partitions=self._input_partitions())
        try:
            async with self._time_slice:
                partition = Partition(
                    index, self._config, replace(stored, models={}), partitions=self._input_partitions()
                )
            await self._time_slice.exhaust(partition.restore_models(stored.models))
        except (BadStateError, LookupError, TypeError, AttributeError, ValueError) as error:
            raise _unreadable(index, error) from error
        if partition.left_out:
            self._counts.state_left_out += len(partition.left_out)
            log.error("partition %d: could not read, and begin again: %s", index, ", ".join(partition.left_out[:20]))
        return partition

    async def _claim_with_patience(self, index: int, generation: int) -> Claim:
        """Claim until the store agrees."""
        stale_after = STALE_SESSIONS * self._config.worker.session_timeout

        async def attempt() -> Claim:
            try:
                claim = await self._store.claim(index, generation, self._owner, stale_after=stale_after)
            except BadStateError as error:
                raise _unreadable(index, error) from error
            if claim.outcome is ClaimOutcome.FENCED:
                raise _HeldError(
                    f"partition {index} is held by generation {claim.holder}, we are generation {generation}. If the consumer "
                    f"group was reset, its workers may start again {stale_after:.0f} s after their last save "
                    f"({claim.age_seconds:.0f} s ago), or at once after `driftbell state reset-fence`"
                )
            return claim

        def report(error: Exception) -> None:
            if isinstance(error, _HeldError):
                log.warning("%s", error)
            else:
                log.warning("partition %d waits for the checkpoint store: %s", index, error)
                self._journal.store.away(index, error)

        try:
            claim = await retry(attempt, self._patience, on=(_HeldError, StoreUnavailableError), report=report)
        except asyncio.CancelledError:
            self._journal.store.forget(index)
            raise
        self._journal.store.back(index)
        if claim.holder > generation:
            log.warning(
                "partition %d: generation %d, silent for %.0f s, gives way to generation %d: the consumer group was reset",
                index, claim.holder, claim.age_seconds, generation,
            )  # fmt: skip
        return claim

    async def _refuse_lost_state(self, index: int) -> None:
        """An empty store while Kafka remembers commits means that the store was lost: a cold start must be wanted."""
        if self._config.worker.on_lost_state == "rebuild" or self._config.redis.url.startswith("memory"):
            return
        sources = [(stream, index) for stream in Input]
        committed = await self._answer(lambda: self._broker.committed(sources))
        if any(offset > 0 for offset in committed.values()):
            raise StateLostError(
                f"Redis holds no checkpoint of partition {index} of group {self._config.worker.group}, but Kafka says that "
                f"the group has read it up to {max(committed.values()):,}. If Redis was emptied on purpose, set "
                f"worker.on_lost_state: rebuild to compute the state from all that the topics still hold; else restore it"
            )

    async def _compare_with_log(self, partition: Partition) -> None:
        """Find records that no longer exist: aiokafka would jump over them without a word."""
        read: dict[Source, Read] = {
            (stream, partition.index): (partition.offsets.get(stream, 0), partition.logs[stream]) for stream in Input
        }
        logs = await self._answer(partial(describe, self._broker, read, whole=True))
        for source, actual in logs.items():
            stream, offset = source[0], read[source][0]
            if stream not in partition.offsets:
                partition.begin_at(stream, actual.first)
            elif (gone := await self._gone(source, read[source], actual)) is not None:
                log.error(_LOST[gone.why], stream.value, partition.index, offset, gone.go_on_at)
                self._counts.lost_input[stream, gone.why] += 1
                partition.lost_input(stream, offset, gone.go_on_at, gone.why.value)
            partition.is_topic(stream, actual.topic_id)

    async def _gone(self, source: Source, read: Read, actual: ActualLog) -> InputGone | None:
        gone = compare(*read, actual)
        offset = read[0]
        while gone is not None and gone.why is Loss.TAIL_LOST and gone.go_on_at < offset:
            # What was read in an earlier epoch may be gone as well: the leader was asked about the last one only.
            offset = gone.go_on_at
            logs = await self._answer(partial(describe, self._broker, {source: (offset, read[1])}, whole=True))
            earlier = compare(offset, read[1], logs[source])
            if earlier is not None and earlier.why is Loss.TAIL_LOST:
                gone = earlier
        return gone

    async def _answer(self, ask: Callable[[], Awaitable[Mapping[Source, T]]]) -> Mapping[Source, T]:
        """Ask the brokers until they answer; OSError after ``worker.checkpoint_patience``."""

        async def attempt() -> Mapping[Source, T]:
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                return await ask()

        def report(error: Exception) -> None:
            log.warning("waiting for the brokers to answer: %r", error)

        return await retry(attempt, self._patience, on=(OSError, TimeoutError), report=report)


def _unreadable(index: int, error: Exception) -> RefusedError:
    # What is read of the partition as a whole: what belongs to one model or subject is left out alone.
    said = error if isinstance(error, BadStateError) else repr(error)
    return RefusedError(f"the checkpoint of partition {index} cannot be read: {said}")
