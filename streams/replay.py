"""Replay: the worker's own core over past events, without Kafka, clock or store."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from driftbell.runtime.config.model import Config
from driftbell.schemas import FeatureShift, Metric
from driftbell.streams.checkpoints.checkpoint import Checkpoint
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.partition.merge import Tick
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord, Record
from driftbell.streams.subject import Subject

#: Records read ahead before the next round of steps.
CHUNK_RECORDS = 8192


@dataclass(frozen=True, slots=True)
class Moved:
    """The feature of a subject that had moved most at a moment, against the reference."""

    now_ms: int
    subject: Subject
    shift: FeatureShift


@dataclass(slots=True)
class ReplayStep:
    """What one round of the replay decided."""

    #: Stream time reached.
    now_ms: int
    #: Records read so far.
    records: int
    outbox: list[OutboxRecord] = field(default_factory=list)
    #: Subjects whose reference was completed, and the stream time by which it was.
    learned: list[tuple[Subject, int]] = field(default_factory=list)
    #: At the end of each window: how far the subjects' features have moved.
    moved: list[Moved] = field(default_factory=list)
    dead_letters: list[DeadLetterRecord] = field(default_factory=list)
    #: So far, by input and name: fields that no contract names.
    unknown_fields: dict[Input, Counter[str]] = field(default_factory=dict)


class Replay:
    """One partition fed by hand.

    It gives what a worker would have given for the same records: the order is the merge's, decisions are the core's. Models
    are independent of one another, so one partition stands for all.
    """

    def __init__(self, config: Config) -> None:
        self.partition = Partition(0, config)
        self._pending = MemoryPending()
        self._offsets = dict.fromkeys(Input, 0)
        self._records = 0
        self._learned: set[Subject] = set()
        self._window_ms = max(1, round(config.monitoring.metrics_window * 1000))
        self._moved_at = 0

    def run(
        self, records: Iterable[tuple[str, int, bytes | None]], *, until_ms: int | None = None
    ) -> Iterator[ReplayStep]:
        """Process records given as (input name, record time in ms, value), ordered by time; yields after every chunk.

        Args:
            until_ms: where stream time ends; the last record's tick by default, as silence after a file's end means nothing.

        Raises:
            driftbell.streams.errors.TooManyDeadLettersError: the records are nothing but bad.
        """
        last_ms = 0
        source = iter(records)
        while chunk := list(itertools.islice(source, CHUNK_RECORDS)):
            for stream in Input:
                mine = [self._record(stream, time, value) for name, time, value in chunk if name == stream.value]
                self.partition.push(stream, mine)
            last_ms = max(last_ms, *(time for _, time, _ in chunk))
            self._records += len(chunk)
            yield self._advance(last_ms)
        tick_ms = round(self.partition.config.worker.tick * 1000)
        gather_ms = round(self.partition.config.worker.gather * 1000)
        # The last events of quiet models are not looked at before.
        gathered_ms = (last_ms // gather_ms + 1) * gather_ms if gather_ms else 0
        end_ms = max(last_ms, gathered_ms)
        yield self._advance(until_ms if until_ms is not None else end_ms - end_ms % tick_ms + 2 * tick_ms)

    def unfinished_windows(self) -> list[Metric]:
        """The metrics of windows that the end of the records cut off; once, after ``run``."""
        now_ms = self.partition.stream_ms
        return [metric for model in self.partition.models.values() for metric in model.unfinished_windows(now_ms)]

    def _record(self, stream: Input, time: int, value: bytes | None) -> Record:
        offset = self._offsets[stream]
        self._offsets[stream] = offset + 1
        return Record(offset, time, value)

    def _advance(self, watermark_ms: int) -> ReplayStep:
        partition = self.partition
        result = ReplayStep(watermark_ms, self._records)
        for stream in Input:
            partition.advance_watermark(stream, watermark_ms)
        while (step := partition.next_step()) is not None:
            keys = partition.lookups(step)
            found = self._pending.lookup(partition.live_slots, keys) if keys else None
            for _ in partition.run(step, found):
                pass
            if isinstance(step, Tick):
                self._observe(step.now_ms, result)
            if partition.at_safe_point and partition.changed:
                self._take(partition.checkpoint(with_state=False), result)
        result.unknown_fields = {source: unknown.counts.copy() for source, unknown in partition.unknown_fields.items()}
        return result

    def _observe(self, now_ms: int, result: ReplayStep) -> None:
        """Note what has been learned, and once per window what has moved."""
        due = now_ms // self._window_ms > self._moved_at
        self._moved_at = now_ms // self._window_ms
        for model in self.partition.models.values():
            for subject, watch in model.watches:
                if subject not in self._learned and watch.reference.ready:
                    self._learned.add(subject)
                    result.learned.append((subject, now_ms))
                if due:
                    result.moved += [Moved(now_ms, subject, shift) for shift in watch.movers(1)]

    def _take(self, checkpoint: Checkpoint, result: ReplayStep) -> None:
        self._pending.apply(checkpoint.join)
        self.partition.saved(checkpoint)
        self.partition.published(checkpoint)
        result.outbox += checkpoint.outbox
        result.dead_letters += checkpoint.dead_letters


def replay(
    records: Iterable[tuple[str, int, bytes | None]], config: Config, *, until_ms: int | None = None
) -> Iterator[ReplayStep]:
    """Run past records through the core; see ``Replay.run``."""
    return Replay(config).run(records, until_ms=until_ms)
