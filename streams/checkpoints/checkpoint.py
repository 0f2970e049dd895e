"""The checkpoint port: state, offsets and outbox of one partition, written in one atomic step and fenced by generation.

Two implementations pass one contract suite: ``memory`` (lost with the process) and ``redis``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftbell.streams.join import JoinDelta
from driftbell.streams.records import DeadLetterRecord, OutboxRecord


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One partition at a safe point, ready to be written.

    ``models`` holds the blobs of dirty models only; None removes a model. ``dead_letters`` are not stored: they are
    published before the save. ``outbox`` is published after it, and stored by it.
    """

    offsets: Mapping[str, int]
    core: bytes
    models: Mapping[str, bytes | None]
    join: JoinDelta
    outbox: Sequence[OutboxRecord]
    dead_letters: Sequence[DeadLetterRecord] = ()
    #: Stream time of the safe point.
    stream_ms: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What a partition's checkpoint holds when it is claimed."""

    offsets: Mapping[str, int]
    core: bytes
    #: How many saves the partition has seen.
    sequence: int = 0
    models: Mapping[str, bytes] = field(default_factory=dict)
    #: Labels that wait for their prediction.
    waiting: Mapping[bytes, bytes] = field(default_factory=dict)
    outbox: Sequence[OutboxRecord] = ()


class ClaimOutcome(enum.StrEnum):
    """What came of a claim."""

    CLAIMED = "claimed"
    #: Nothing is stored for the partition.
    FRESH = "fresh"
    #: A later generation holds the partition: we are a zombie, or the consumer group was reset.
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim; ``stored`` only where the outcome is ``CLAIMED``."""

    outcome: ClaimOutcome
    stored: Stored | None = None
    #: The generation that holds the partition, and the age in seconds of its last save.
    holder: int = 0
    age_seconds: float = 0.0


class SaveOutcome(enum.StrEnum):
    """What came of a save."""

    SAVED = "saved"
    #: A later generation, or another process of the same one, has claimed the partition: drop it, publish nothing.
    FENCED = "fenced"
    #: The store is ahead: a save out of turn.
    BEHIND = "behind"
    #: The store has gone back to before our last save, or before our claim (a crash without its last second): claim again and
    #: read from there.
    ROLLED_BACK = "rolled_back"
    #: The store holds nothing of the partition any more.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """What ``driftbell status`` shows of a partition that was claimed or saved."""

    partition: int
    generation: int
    owner: str
    offsets: Mapping[str, int]
    age_seconds: float
    models: int
    memory_bytes: int
    #: The partition's part of the checkpoint, encoded (``streams.partition.summary`` reads it); empty before the first save.
    core: bytes


class CheckpointStore(Protocol):
    """Holds the checkpoints of one consumer group.

    Every method may raise ``streams.errors.StoreUnavailableError``; then nothing is known about whether a save took effect,
    and the same save may be tried again: saves are idempotent.
    """

    async def claim(self, partition: int, generation: int, owner: str, *, stale_after: float) -> Claim:
        """Take the partition for ``generation`` and return what is stored.

        RefusedError while a later generation holds it, unless that holder's last save is older than ``stale_after`` seconds:
        then the consumer group was reset and its generations started again at 1.
        """

    async def save(self, partition: int, generation: int, sequence: int, checkpoint: Checkpoint) -> SaveOutcome:
        """Write the checkpoint, all of it or nothing.

        ``sequence`` counts the saves of a partition from 1 on. As a checkpoint holds only what changed since the one before,
        it may only follow that one, or itself.
        """

    async def touch(self, partition: int, generation: int, sequence: int) -> SaveOutcome:
        """Say that the holder of a partition lives, though it has nothing to save.

        ``sequence`` is the number of the partition's last save, 0 before the first.
        """

    async def lookup(
        self, partition: int, slots: Sequence[int], keys: Sequence[bytes]
    ) -> dict[bytes, tuple[int, bytes]]:
        """Pending predictions by key, each with the slot it was found in; the newest slot wins."""

    async def status(self, partitions: Iterable[int]) -> list[PartitionStatus]:
        """What is stored, for people."""

    async def models(self, partition: int, names: Iterable[str] | None, most: int) -> dict[str, bytes]:
        """The state of the models with these names (None: the first ``most`` by name) as far as there is any, for people."""

    async def reset_fence(self, partitions: Iterable[int]) -> None:
        """Let any generation claim again, by hand, after the consumer group was reset. No worker may be running."""

    async def time_ms(self) -> int | None:
        """The store's own clock in epoch milliseconds; None where it has none."""

    async def close(self) -> None:
        """Release connections."""
