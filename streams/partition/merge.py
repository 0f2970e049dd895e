"""The merge of a partition's inputs by record timestamp, as Kafka Streams does it.

The order in which events meet the detectors is a function of the topics' contents alone: the record with the smaller time
among the heads goes next; the time of a record is the running maximum of its partition's timestamps (offset order is never
changed). If one input has nothing buffered, the other waits until the first is known to be complete up to its time:
by a record of the empty input seen earlier with a later time, or by a *watermark* from the broker (``advance_watermark``).
*Stream time* advances in ticks at fixed multiples of ``tick_ms``; a tick comes before every record with a time at or after
it. Source: ``PartitionGroup`` of Kafka Streams.

A timestamp is believed only up to ``lead_ms`` after the moment at which its record was fetched: a producer's clock that is an
hour ahead, or a date in 2099, would else hold the partition until then, and stream time would never come back. A record whose
timestamp is not believed, or that has none, is taken at the time of the record before it: what it holds is kept, and no other
record's time is touched (docs/engine.md, "Time ahead of the clock").

Times are compared at a resolution (50 ms unless configured): finely interleaved inputs would otherwise be cut into slices of
one record each. Within one such step predictions go first, which is still a function of the topics' contents alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from driftbell.schemas.timestamps import MAX_EPOCH_MS, to_rfc3339
from driftbell.streams.batch import IntArray
from driftbell.streams.records import Input, RecordLike

#: Before the first record there is no time at all.
NO_TIME = -1

#: What a fetched record takes in memory beside its key and value: aiokafka's object with its numbers, the headers of two bytes
#: objects, a place in two lists (measured on Python 3.11: 327).
RECORD_BYTES = 330

#: Later than any record's time.
_NEVER = 2**62

_TIMESTAMP = attrgetter("timestamp")


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive records of one input that may be processed now, with their times in ms (never before stream time)."""

    input: Input
    records: Sequence[RecordLike]
    times: Sequence[int]


@dataclass(frozen=True, slots=True)
class Tick:
    """Stream time has reached ``now_ms``; everything before it has been processed."""

    now_ms: int


Step = Slice | Tick


@dataclass(slots=True)
class _Queue:
    """What is buffered of one input."""

    last_time: int = NO_TIME
    #: The same of what has been taken: what a restart goes on from.
    taken_time: int = NO_TIME
    #: Everything with a time before this has arrived, the broker says.
    watermark_ms: int = NO_TIME
    size: int = 0
    #: Memory of the chunks; one is kept whole until its last record is taken.
    memory: int = 0
    chunks: deque[tuple[Sequence[RecordLike], IntArray, int]] = field(default_factory=deque)
    #: How many records of the head chunk have been taken.
    taken: int = 0

    def push(self, records: Sequence[RecordLike], resolution_ms: int, latest_ms: int, unknown_ms: int) -> int:
        """Buffer records; returns how many of their timestamps are not believed.

        Args:
            latest_ms: the latest timestamp that is believed.
            unknown_ms: the time of records before which there is none whose time is known.
        """
        times = np.fromiter(map(_TIMESTAMP, records), np.int64, len(records))
        strange = (times > latest_ms) | (times < 0)
        unbelieved = int(np.count_nonzero(strange))
        times[strange] = NO_TIME
        times -= times % resolution_ms
        np.maximum.accumulate(times, out=times)
        np.maximum(times, self.last_time, out=times)
        if times[0] == NO_TIME:
            known = times[times > NO_TIME]
            times[times == NO_TIME] = known[0] if len(known) else unknown_ms - unknown_ms % resolution_ms
        self.last_time = int(times[-1])
        memory = RECORD_BYTES * len(records) + sum([len(r.value or b"") + len(r.key or b"") for r in records])
        self.chunks.append((records, times, memory))
        self.size += len(records)
        self.memory += memory
        return unbelieved

    @property
    def head(self) -> int:
        """The time of the next record."""
        return int(self.chunks[0][1][self.taken])

    @property
    def bound(self) -> int:
        """No record with a smaller time will come out of this queue any more."""
        return self.head if self.chunks else max(self.last_time, self.watermark_ms)

    def ahead(self, most: int) -> list[RecordLike]:
        """The records that will be taken next, at most so many."""
        found: list[RecordLike] = []
        start = self.taken
        for records, _, _ in self.chunks:
            found += records[start : start + most - len(found)]
            start = 0
            if len(found) >= most:
                break
        return found

    def take(self, before_ms: int, most: int) -> tuple[Sequence[RecordLike], IntArray]:
        """Take records with a time below ``before_ms``, at least one, from the head chunk."""
        records, times, memory = self.chunks[0]
        start = self.taken
        end = min(int(np.searchsorted(times, before_ms, side="left")), start + most)
        self.taken = end
        if end == len(records):
            self.chunks.popleft()
            self.memory -= memory
            self.taken = 0
        self.size -= end - start
        self.taken_time = int(times[end - 1])
        return records[start:end], times[start:end]


class Merge:
    """Buffers the inputs of one partition and says what comes next.

    An input that is not merged (``InputSpec.merged``) neither waits nor is waited for: its records go as soon as stream time
    has begun, so what they do may not depend on their place among the others.
    """

    def __init__(
        self,
        tick_ms: int,
        resolution_ms: int,
        *,
        lead_ms: int = 0,
        stream_ms: int = NO_TIME,
        last_times: Mapping[str, int] | None = None,
        inputs: Iterable[Input] = Input,
    ) -> None:
        self.tick_ms = tick_ms
        self.resolution_ms = resolution_ms
        self.lead_ms = lead_ms
        self.stream_ms = stream_ms
        known = last_times or {}
        self._queues = {i: _Queue(known.get(i, NO_TIME), known.get(i, NO_TIME)) for i in inputs}
        self._merged = [(source, queue) for source, queue in self._queues.items() if source.spec.merged]
        self._unmerged = [(source, queue) for source, queue in self._queues.items() if not source.spec.merged]

    def push(self, source: Input, records: Sequence[RecordLike], now_ms: int | None = None) -> int:
        """Buffer fetched records of one input, in offset order; returns how many of their timestamps are not believed.

        Args:
            now_ms: wall clock when they were fetched; None where it says nothing, as in a replay.
        """
        if not records:
            return 0
        latest_ms = MAX_EPOCH_MS if now_ms is None else min(MAX_EPOCH_MS, now_ms + self.lead_ms)
        return self._queues[source].push(records, self.resolution_ms, latest_ms, now_ms or 0)

    def advance_watermark(self, source: Input, watermark_ms: int) -> None:
        """Note that every record of ``source`` with a time before ``watermark_ms`` has been pushed."""
        queue = self._queues[source]
        queue.watermark_ms = max(queue.watermark_ms, watermark_ms - watermark_ms % self.resolution_ms)

    def buffered(self, source: Input) -> int:
        """How many records of one input wait."""
        return self._queues[source].size

    def ahead(self, source: Input, most: int) -> list[RecordLike]:
        """The buffered records of one input that come next, at most so many."""
        return self._queues[source].ahead(most)

    def buffered_bytes(self, source: Input) -> int:
        """What the buffered records of one input take in memory, about."""
        return self._queues[source].memory

    def last_times(self) -> dict[str, int]:
        """The running maximum of record times per input *as processed so far*, for the checkpoint."""
        return {source.value: queue.taken_time for source, queue in self._queues.items()}

    @property
    def waiting_for(self) -> tuple[Input, ...]:
        """Inputs with nothing buffered: advancing their watermarks may allow progress."""
        return tuple(source for source, queue in self._merged if not queue.chunks)

    def describe_wait(self) -> str:
        """Where both inputs stand, for people."""
        parts = []
        for source, queue in self._queues.items():
            if queue.chunks:
                parts.append(f"{queue.size:,} records of {source.value} wait, the next is of {_moment(queue.head)}")
            else:
                parts.append(f"{source.value} is known to be complete up to {_moment(queue.bound)}")
        return f"{'; '.join(parts)}; stream time is {_moment(self.stream_ms)}"

    def next(self, *, open_batches: bool, due_ms: int | None, most: int) -> Step | None:
        """The next step, or None when it is not yet certain what comes next.

        Args:
            open_batches: events wait in open batches, so that no tick may be left out.
            due_ms: the earliest stream time at which a tick can matter though no event comes; None for never.
            most: the most records to return in one slice.
        """
        bounds = [queue.bound for _, queue in self._merged]
        certain = min(bounds)
        if self.stream_ms == NO_TIME:
            first = min((queue.head for _, queue in self._merged if queue.chunks), default=None)
            if first is None or certain < first:
                return None
            self.stream_ms = first - first % self.tick_ms
        for source, queue in self._unmerged:
            if queue.chunks:
                return self._slice(source, _NEVER, most)
        tick = self._next_tick(open_batches, due_ms)
        if tick is not None and tick <= certain:
            self.stream_ms = tick
            return Tick(tick)
        self.stream_ms = max(self.stream_ms, certain - certain % self.tick_ms)
        # On equal times the input that stands first goes first.
        place = bounds.index(certain)
        source, queue = self._merged[place]
        if not queue.chunks:
            return None
        # It may go on up to the times of those before it, and through those of the ones behind it.
        limits = [bound + (other > place) for other, bound in enumerate(bounds) if other != place]
        return self._slice(source, min([self.stream_ms + self.tick_ms, *limits]), most)

    def _next_tick(self, open_batches: bool, due_ms: int | None) -> int | None:
        following = self.stream_ms + self.tick_ms
        if open_batches:
            return following
        if due_ms is None:
            return None
        return max(following, -(-due_ms // self.tick_ms) * self.tick_ms)

    def _slice(self, source: Input, before_ms: int, most: int) -> Slice:
        records, times = self._queues[source].take(before_ms, most)
        return Slice(source, records, np.maximum(times, self.stream_ms).tolist())


def _moment(time_ms: int) -> str:
    return "no time" if time_ms == NO_TIME else to_rfc3339(time_ms)
