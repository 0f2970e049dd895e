"""What is known of a fleet at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from driftbell.streams.checkpoints.checkpoint import PartitionStatus


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: who holds it, how far it is behind, and how fresh its checkpoint is."""

    partition: int
    #: Host and process of the holder; empty when no worker has ever claimed it.
    owner: str
    #: Records not yet in a checkpoint, by input. None: never claimed, so the whole topic waits.
    lag: dict[str, int]
    checkpoint_age_seconds: float | None
    models: int
    pending_predictions: int
    memory_bytes: int


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All partitions, in order."""

    group: str
    partitions: list[Owned]

    @property
    def lag(self) -> int:
        """Records of all inputs that are not yet in a checkpoint."""
        return sum(sum(owned.lag.values()) for owned in self.partitions)

    @property
    def workers(self) -> dict[str, list[Owned]]:
        """By owner, the partitions that it holds; those that nobody holds are left out."""
        held: dict[str, list[Owned]] = {}
        for owned in self.partitions:
            if owned.owner:
                held.setdefault(owned.owner, []).append(owned)
        return held


def fleet(group: str, ends: Mapping[tuple[str, int], int], known: Mapping[int, PartitionStatus]) -> Fleet:
    """Put together what Kafka and the store say.

    Args:
        ends: where each (input, partition) ends.
        known: the checkpoints there are.
    """
    partitions = []
    for index in sorted({partition for _, partition in ends}):
        status = known.get(index)
        done = status.offsets if status is not None else {}
        partitions.append(
            Owned(
                partition=index,
                owner=status.owner if status is not None else "",
                lag={
                    name: max(0, end - done.get(name, 0))
                    for (name, partition), end in sorted(ends.items())
                    if partition == index
                },
                checkpoint_age_seconds=status.age_seconds if status is not None else None,
                models=status.models if status is not None else 0,
                pending_predictions=status.pending_predictions if status is not None else 0,
                memory_bytes=status.memory_bytes if status is not None else 0,
            )
        )
    return Fleet(group=group, partitions=partitions)
