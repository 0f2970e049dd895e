"""The runner: drives one claimed partition, and saves it. All awaiting around the pure ``Partition`` happens here.

Order at a checkpoint: dead letters flushed -> checkpoint saved -> outbox published -> Kafka offsets committed. One save is in
flight at a time; meanwhile processing goes on, unless the store is slow: then it stops, the buffers fill, and fetching stops.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from driftbell.runtime.config.model import Config
from driftbell.runtime.epochs import Span
from driftbell.schemas.unknown_fields import describe
from driftbell.streams.checkpoints.checkpoint import Checkpoint, CheckpointStore, SaveOutcome
from driftbell.streams.engine.broker import Publisher
from driftbell.streams.engine.crash_points import CrashPoint, reach
from driftbell.streams.engine.journal import Journal
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.retry import Patience, retry
from driftbell.streams.engine.timing.standstill import Standstill
from driftbell.streams.engine.timing.time_slice import TimeSlice
from driftbell.streams.errors import StateLostError, StoreUnavailableError
from driftbell.streams.partition.merge import NO_TIME, Slice, Step
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Output
from driftbell.streams.stats.histogram import Distribution

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Whoever holds a partition and saves nothing says this often to the store that it lives: the fence lets an earlier generation
#: take over from a holder that is silent, and `driftbell status` calls its worker gone.
TOUCH_SECONDS = 10.0

#: Bounds of the time that a save took in the store.
SAVE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)

#: Bounds of the time from the stream time of a decision to its alert's acknowledgement by Kafka.
ALERT_DELAY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class SavePhase(enum.StrEnum):
    """What a save waits for."""

    DEAD_LETTERS = "dead_letters"
    STORE = "store"
    OUTBOX = "outbox"


class Stopped(enum.StrEnum):
    """Why a runner no longer runs."""

    REVOKED = "revoked"
    FENCED = "fenced"
    #: The store went back to an earlier save, so what this runner holds is the future of another past.
    ROLLED_BACK = "rolled_back"
    #: The log no longer holds what was read of it.
    INPUT_GONE = "input_gone"
    FAILED = "failed"


class Runner:
    """One partition at work in this worker.

    Args:
        sequence: number of the partition's last save.
        time_slice: shared by everything that computes in this worker.
        on_failure: called once with the exception that ended the loop; nothing more is saved.
        on_rolled_back: called once when the store has lost saves; the partition must be claimed again.
        on_saved: called after each save.
    """

    def __init__(
        self,
        partition: Partition,
        generation: int,
        sequence: int,
        *,
        config: Config,
        store: CheckpointStore,
        publisher: Publisher,
        clock: Clock,
        time_slice: TimeSlice,
        journal: Journal,
        on_failure: Callable[[BaseException], None],
        on_rolled_back: Callable[[int], None],
        on_saved: Callable[[Checkpoint], None],
    ) -> None:
        self.partition = partition
        self.generation = generation
        self.stopped: Stopped | None = None
        self.saves = self.fenced_saves = 0
        #: When a save was refused because another worker has the partition.
        self.fenced_at: float | None = None
        self.save_seconds = Distribution(SAVE_SECONDS)
        self.alert_delay = Distribution(ALERT_DELAY_SECONDS)
        #: When all that was processed was last known to be in the store.
        self.last_saved_at = self._worked_at = clock.monotonic()
        #: When the store last heard of us; None: not since the claim.
        self._renewed_at: float | None = None
        self._config = config
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._time_slice = time_slice
        self._journal = journal
        self._on_failure = on_failure
        self._on_rolled_back = on_rolled_back
        self._on_saved = on_saved
        self._sequence = sequence
        self._wake = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None
        self._saving_since = 0.0
        #: What the save in flight waits for, or the last one waited for.
        self.save_phase = SavePhase.STORE
        self._loop: asyncio.Task[None] | None = None
        self._standstill = Standstill(partition, clock, config.worker)

    def start(self) -> None:
        """Begin to process what is pushed."""
        self._loop = asyncio.create_task(self._run(), name=f"partition-{self.partition.index}")

    def push(self, source: Input, records: Sequence[object], epochs: Sequence[Span] = ()) -> None:
        """Hand over fetched records."""
        self.partition.push(source, records, self._clock.wall_ms(), epochs)  # type: ignore[arg-type]
        self._standstill.pushed(source)
        self._wake.set()

    def advance_watermark(self, source: Input, watermark_ms: int) -> None:
        """See ``Partition.advance_watermark``."""
        self.partition.advance_watermark(source, watermark_ms)
        self._wake.set()

    async def stop(self, why: Stopped, *, deadline_seconds: float) -> None:
        """Stop processing, save the last safe point if it can be done in time, and let go."""
        if self.stopped is None:
            self.stopped = why
        # Its next owner, here or elsewhere, asks on its own account.
        self._journal.store.forget(self.partition.index)
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if why is not Stopped.REVOKED:
            if self._saving is not None:
                self._saving.cancel()
            return
        try:
            async with asyncio.timeout(deadline_seconds):
                if self._saving is not None:
                    (error,) = await asyncio.gather(self._saving, return_exceptions=True)
                    if error is not None:
                        log.warning("partition %d let go after a save that failed: %r", self.partition.index, error)
                if self._may_save:
                    await self._save(self.partition.checkpoint())
        except TimeoutError:
            log.warning(
                "partition %d let go before its checkpoint was saved; its next owner repeats some work",
                self.partition.index,
            )

    # ---- the loop

    _interrupted = False
    _step: Step | None = None

    @property
    def _may_save(self) -> bool:
        """Whether a last save may follow.

        The partition stands at a safe point, no step was cut short, and the save before this one is in the store: a checkpoint
        holds only what changed since then.
        """
        saving = self._saving
        return (
            self.stopped is Stopped.REVOKED
            and self.partition.at_safe_point
            and self.partition.changed
            and not self._interrupted
            and (saving is None or (not saving.cancelled() and saving.exception() is None))
        )

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                await self._checkpoint_when_due()
                step = self.partition.next_step() if not self.store_is_slow else None
                if step is None:
                    await self._rest()
                    continue
                await self._do(step)
                reach(CrashPoint.PROCESSED)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # Whatever was half done must not be saved: the checkpoint in the store is the truth.
            self.stopped = Stopped.FAILED
            if self._saving is not None:
                self._saving.cancel()
            self._on_failure(error)

    async def _do(self, step: Step) -> None:
        self._interrupted, self._step = True, step
        async with self._time_slice:
            keys = self.partition.lookups(step)
        found = await self._lookup(keys) if keys else None
        await self._time_slice.exhaust(self.partition.run(step, found))
        for source, unknown in self.partition.unknown_fields.items():
            for name in unknown.take_new():
                log.warning("%s [%d]: %s", source.value, self.partition.index, describe(name, source.spec.fields))
        self._interrupted, self._step, self._worked_at = False, None, self._clock.monotonic()
        if isinstance(step, Slice):
            self._standstill.processed()

    async def _lookup(self, keys: list[bytes]) -> dict[bytes, tuple[int, bytes]]:
        slots = self.partition.live_slots

        async def ask() -> dict[bytes, tuple[int, bytes]]:
            return await self._store.lookup(self.partition.index, slots, keys)

        return await self._with_patience(ask)

    async def _rest(self) -> None:
        """Wait for records, watermarks or the next checkpoint."""
        until_checkpoint = max(0.005, self._due_in)
        busy = self.partition.changed or self.store_is_slow
        with suppress(TimeoutError):
            async with asyncio.timeout(min(until_checkpoint, 0.1) if busy else TOUCH_SECONDS / 4):
                await self._wake.wait()
        # Whatever woke us: watermarks come each second, and a partition that they wake is as idle as one that sleeps.
        await self._renew_when_due()
        if self.stopped is None:
            self._standstill.log()
            if not busy:
                idle_ms = round((self._clock.monotonic() - self._worked_at) * 1000)
                await self._time_slice.exhaust(self.partition.pack_models(idle_ms))
        self._journal.flush()

    @property
    def failed_step(self) -> Slice | None:
        """The records at which the loop has failed; None where it failed at no record."""
        step = self._step
        return step if self._interrupted and isinstance(step, Slice) and not self.partition.closing else None

    @property
    def stalled_seconds(self) -> float:
        """For how long records have waited without any being processed."""
        return 0.0 if self.stopped is not None else self._standstill.seconds

    # ---- saving

    @property
    def store_is_slow(self) -> bool:
        """Whether the save in flight takes so long that processing on would only pile up unsaved work."""
        if self._saving is None or self._saving.done():
            return False
        return self._clock.monotonic() - self._saving_since > 1.0 + 2 * self._config.worker.checkpoint_interval

    @property
    def _due_in(self) -> float:
        interval, alerts = self._config.worker.checkpoint_interval, self.partition.has_alerts
        return self._time_slice.pace.due_in(self.partition.index, interval, alerts=alerts)

    async def _checkpoint_when_due(self) -> None:
        partition = self.partition
        if not (partition.at_safe_point and partition.changed) or (self._saving and not self._saving.done()):
            return
        if self._due_in > 0:
            return
        cost = await self._time_slice.exhaust(partition.encode_models())
        async with self._time_slice:
            started = self._clock.monotonic()
            checkpoint = partition.checkpoint()
            cost += self._clock.monotonic() - started
            # Nothing may come between: what a checkpoint holds is in no later one.
            reach(CrashPoint.SNAPSHOT)
            self._saving_since = self._clock.monotonic()
            self._saving = asyncio.create_task(self._save(checkpoint), name=f"save-{partition.index}")
            self._saving.add_done_callback(self._after_save)
        self._time_slice.pace.took(partition.index, cost)

    def _after_save(self, task: asyncio.Task[None]) -> None:
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None and self.stopped is None:
            self.stopped = Stopped.FAILED
            if self._loop is not None:
                self._loop.cancel()
            self._on_failure(error)

    async def _save(self, checkpoint: Checkpoint) -> None:
        partition = self.partition
        if checkpoint.dead_letters:
            self.save_phase = SavePhase.DEAD_LETTERS
            await self._publisher.dead_letter(partition.index, checkpoint.dead_letters)
            self._journal.dead_letters(partition.index, checkpoint.dead_letters)
        reach(CrashPoint.DEAD_LETTERS_FLUSHED)

        sequence = self._sequence + 1

        async def write() -> SaveOutcome:
            return await self._store.save(partition.index, self.generation, sequence, checkpoint)

        self.save_phase = SavePhase.STORE
        started = self._clock.monotonic()
        outcome = await self._with_patience(write)
        if outcome is not SaveOutcome.SAVED:
            self._refused(outcome)
            return
        self._sequence = sequence
        reach(CrashPoint.SAVED)
        self.saves += 1
        self.last_saved_at = self._renewed_at = self._clock.monotonic()
        self.save_seconds.observe(self.last_saved_at - started)
        partition.saved(checkpoint)
        self._journal.news(partition.index, partition.take_news())
        if checkpoint.outbox:
            self.save_phase = SavePhase.OUTBOX
            await self._publisher.publish(partition.index, checkpoint.outbox)
            partition.published(checkpoint)
            self._note_delay(checkpoint)
        reach(CrashPoint.PUBLISHED)
        offsets = {Input.named(name): offset for name, offset in checkpoint.offsets.items()}
        self._publisher.commit_offsets(partition.index, offsets)
        reach(CrashPoint.COMMITTED)
        self._on_saved(checkpoint)

    def _note_delay(self, checkpoint: Checkpoint) -> None:
        alerts = sum(record.output is Output.ALERTS for record in checkpoint.outbox)
        if alerts and checkpoint.stream_ms > NO_TIME:
            # A producer's clock may be ahead of ours.
            self.alert_delay.observe(max(0, self._clock.wall_ms() - checkpoint.stream_ms) / 1000, alerts)

    async def _renew_when_due(self) -> None:
        if self._saving is not None and not self._saving.done():
            return
        now = self._clock.monotonic()
        if self._renewed_at is not None and now - self._renewed_at < TOUCH_SECONDS:
            return

        async def renew() -> SaveOutcome:
            return await self._store.touch(self.partition.index, self.generation, self._sequence)

        outcome = await self._with_patience(renew)
        self._renewed_at = self._clock.monotonic()
        if outcome is SaveOutcome.LOST and self._sequence == 0:
            # There was nothing but our claim: it is made again.
            outcome = SaveOutcome.ROLLED_BACK
        if outcome is not SaveOutcome.SAVED:
            self._refused(outcome)
        elif not self.partition.changed:
            # Only then: what is processed and not saved must show as an ever older checkpoint.
            self.last_saved_at = self._renewed_at

    def _refused(self, outcome: SaveOutcome) -> None:
        """The store does not take our save: stop at once and publish nothing."""
        index = self.partition.index
        if outcome is SaveOutcome.LOST:
            raise StateLostError(
                f"Redis holds nothing of partition {index} any more: it was emptied or keys were evicted. Restore it, or "
                f"set worker.on_lost_state: rebuild"
            )
        if outcome is SaveOutcome.ROLLED_BACK:
            log.warning("partition %d: Redis has lost its latest saves; reading again from the last it has", index)
            leaving, self.stopped = self.stopped is not None, Stopped.ROLLED_BACK
            if not leaving:
                self._on_rolled_back(index)
        else:
            log.warning("partition %d: save refused (%s); another worker has it", index, outcome.value)
            self.fenced_saves += 1
            self.fenced_at = self._clock.monotonic()
            self.stopped = Stopped.FENCED
        if self._loop is not None:
            self._loop.cancel()

    async def _with_patience(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until the store answers; ``StoreUnavailableError`` after ``worker.checkpoint_patience``."""
        patience, index = Patience(self._clock, self._config.worker.checkpoint_patience), self.partition.index

        def report(error: Exception) -> None:
            log.warning("partition %d waits for the checkpoint store: %s", index, error)
            self._journal.store.away(index, error)

        answer = await retry(attempt, patience, on=(StoreUnavailableError,), report=report)
        self._journal.store.back(index)
        return answer
