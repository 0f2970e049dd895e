"""The checkpoint store in memory: for trying, for replays and for tests. It is lost with the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from driftbell.streams.checkpoints.checkpoint import (
    Checkpoint,
    Claim,
    ClaimOutcome,
    PartitionStatus,
    SaveOutcome,
    Stored,
)
from driftbell.streams.join import JoinDelta
from driftbell.streams.records import OutboxRecord


class MemoryPending:
    """Pending predictions by time slot."""

    def __init__(self) -> None:
        self.slots: dict[int, dict[bytes, bytes]] = {}

    def apply(self, delta: JoinDelta) -> None:
        """Write and drop what the delta says."""
        for slot, packed in delta.put.items():
            self.slots.setdefault(slot, {}).update(packed)
        for slot in delta.drop:
            self.slots.pop(slot, None)

    def lookup(self, slots: Sequence[int], keys: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """Those of ``keys`` that are there, each from the newest slot that has it."""
        found: dict[bytes, tuple[int, bytes]] = {}
        for slot in sorted(slots, reverse=True):
            packed = self.slots.get(slot, {})
            for key in keys:
                if key not in found and key in packed:
                    found[key] = (slot, packed[key])
        return found


@dataclass(slots=True)
class _Entry:
    generation: int = 0
    owner: str = ""
    saved_at: float | None = None
    offsets: dict[str, int] = field(default_factory=dict)
    core: bytes | None = None
    sequence: int = 0
    models: dict[str, bytes] = field(default_factory=dict)
    waiting: dict[bytes, bytes] = field(default_factory=dict)
    outbox: Sequence[OutboxRecord] = ()
    pending: MemoryPending = field(default_factory=MemoryPending)


class MemoryCheckpointStore:
    """A ``CheckpointStore`` in a dict. ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[int, _Entry] = {}

    async def claim(self, partition: int, generation: int, owner: str, *, stale_after: float) -> Claim:
        """See ``CheckpointStore.claim``."""
        entry = self._entries.setdefault(partition, _Entry())
        age = 0.0 if entry.saved_at is None else self._clock() - entry.saved_at
        holder = entry.generation
        if holder > generation and age < stale_after:
            return Claim(ClaimOutcome.FENCED, None, holder, age)
        entry.generation, entry.owner = generation, owner
        if entry.core is None:
            return Claim(ClaimOutcome.FRESH, None, holder, age)
        stored = Stored(
            dict(entry.offsets),
            entry.core,
            entry.sequence,
            dict(entry.models),
            dict(entry.waiting),
            tuple(entry.outbox),
        )
        return Claim(ClaimOutcome.CLAIMED, stored, holder, age)

    async def save(self, partition: int, generation: int, sequence: int, checkpoint: Checkpoint) -> SaveOutcome:
        """See ``CheckpointStore.save``."""
        entry = self._entries.get(partition)
        if entry is None:
            return SaveOutcome.LOST
        if entry.generation < generation and entry.sequence < sequence:
            return SaveOutcome.ROLLED_BACK
        if entry.generation != generation:
            return SaveOutcome.FENCED
        if entry.sequence < sequence - 1:
            return SaveOutcome.ROLLED_BACK
        if entry.sequence > sequence:
            return SaveOutcome.BEHIND
        entry.sequence = sequence
        entry.offsets.update(checkpoint.offsets)
        entry.core = checkpoint.core
        for name, blob in checkpoint.models.items():
            if blob is None:
                entry.models.pop(name, None)
            else:
                entry.models[name] = blob
        entry.waiting.update(checkpoint.join.wait)
        for key in checkpoint.join.unwait:
            entry.waiting.pop(key, None)
        entry.pending.apply(checkpoint.join)
        entry.outbox = tuple(checkpoint.outbox)
        entry.saved_at = self._clock()
        return SaveOutcome.SAVED

    async def touch(self, partition: int, generation: int, sequence: int) -> SaveOutcome:
        """See ``CheckpointStore.touch``."""
        entry = self._entries.get(partition)
        if entry is None:
            return SaveOutcome.LOST
        if entry.generation < generation and entry.sequence <= sequence:
            return SaveOutcome.ROLLED_BACK
        if entry.generation != generation:
            return SaveOutcome.FENCED
        if entry.sequence < sequence:
            return SaveOutcome.ROLLED_BACK
        entry.saved_at = self._clock()
        return SaveOutcome.SAVED

    async def lookup(
        self, partition: int, slots: Sequence[int], keys: Sequence[bytes]
    ) -> dict[bytes, tuple[int, bytes]]:
        """See ``CheckpointStore.lookup``."""
        return self._entries.setdefault(partition, _Entry()).pending.lookup(slots, keys)

    async def status(self, partitions: Iterable[int]) -> list[PartitionStatus]:
        """See ``CheckpointStore.status``; the memory is that of the blobs."""
        return [
            PartitionStatus(
                partition=partition,
                generation=entry.generation,
                owner=entry.owner,
                offsets=dict(entry.offsets),
                age_seconds=0.0 if entry.saved_at is None else self._clock() - entry.saved_at,
                models=len(entry.models),
                memory_bytes=sum(len(blob) for blob in entry.models.values()),
                core=entry.core or b"",
            )
            for partition in partitions
            if (entry := self._entries.get(partition)) is not None and entry.generation
        ]

    async def models(self, partition: int, names: Iterable[str] | None, most: int) -> dict[str, bytes]:
        """See ``CheckpointStore.models``."""
        held = self._entries.setdefault(partition, _Entry()).models
        return {name: held[name] for name in (sorted(held)[:most] if names is None else names) if name in held}

    async def reset_fence(self, partitions: Iterable[int]) -> None:
        """See ``CheckpointStore.reset_fence``."""
        for partition in partitions:
            if partition in self._entries:
                self._entries[partition].generation = 0

    async def time_ms(self) -> int | None:
        """None: this process's clock is no second opinion."""
        return None

    async def close(self) -> None:
        """Nothing to release."""
