"""What is known of a fleet at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from driftbell.runtime.printable import printable
from driftbell.status.given_up import GivenUpThere
from driftbell.status.retired import RetiredDestination
from driftbell.streams.checkpoints.checkpoint import PartitionStatus
from driftbell.streams.partition.summary import (
    UnwatchedModels,
    WatchSummary,
    pending_predictions,
    unwatched_models,
    wrong_keys,
)

#: A checkpoint older than this many seconds belongs to a worker that is gone, or that waits for its store.
STALE_SECONDS = 30.0


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: who holds it, how far it is behind, and how fresh its checkpoint is."""

    partition: int
    #: Host and process of the holder; empty when no worker has ever claimed it.
    owner: str
    #: Records not yet in a checkpoint, by input. None: never claimed, so the whole topic waits.
    lag: dict[str, int]
    checkpoint_age_seconds: float | None
    models: int
    #: Predictions whose label may still come.
    pending_predictions: int
    memory_bytes: int
    #: What of its records belongs into other partitions: input and reason (``streams/partition/placement.py``).
    wrong_keys: list[tuple[str, str]] = []
    #: Models that nobody watches, as it had no room for them lately.
    unwatched_models: UnwatchedModels | None = None


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All partitions, in order."""

    group: str
    partitions: list[Owned]
    #: How models are watched, as far as they were looked at; a sharded one once for each of its partitions.
    models: list[WatchSummary] = []
    #: How many were not.
    models_left_out: int = 0
    #: Of the router.
    retired: list[RetiredDestination] = []
    given_up: list[GivenUpThere] = []

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

    @property
    def problems(self) -> list[str]:
        """What is not as it should be, as sentences; empty when all is well."""
        unheld = [one.partition for one in self.partitions if not one.owner]
        stale = [one.partition for one in self.partitions if (one.checkpoint_age_seconds or 0) > STALE_SECONDS]
        found = []
        if unheld:
            found.append(f"no worker has ever claimed partitions {_numbers(unheld)}")
        if stale:
            found.append(
                f"partitions {_numbers(stale)} were last heard of over {STALE_SECONDS:.0f} s ago: their worker is gone, "
                "or does not reach Redis"
            )
        wrong: dict[tuple[str, str], list[int]] = {}
        for one in self.partitions:
            for fault in one.wrong_keys:
                wrong.setdefault((fault[0], fault[1]), []).append(one.partition)
        found += [
            f"partitions {_numbers(numbers)} of {source} hold records that belong elsewhere ({reason}): labels miss their "
            "predictions. `driftbell topics check` and the alert WrongKeys say what to do"
            for (source, reason), numbers in sorted(wrong.items())
        ]
        found += [
            f"partition {one.partition} has no room for about {crowd.models:,} models, such as "
            f"{', '.join(map(printable, crowd.examples))}: {crowd.records:,} of their records are dead letters. Is what model "
            "names a request or a customer? Else raise worker.max_models_per_partition, or add partitions"
            for one in self.partitions
            if (crowd := one.unwatched_models) is not None
        ]
        found += [str(one) for one in self.retired if one.trouble]
        return found


def _numbers(partitions: Sequence[int]) -> str:
    return ", ".join(map(str, partitions))


def fleet(
    group: str,
    ends: Mapping[tuple[str, int], int],
    known: Mapping[int, PartitionStatus],
    models: Sequence[WatchSummary] = (),
    models_left_out: int = 0,
    retired: Sequence[RetiredDestination] = (),
    given_up: Sequence[GivenUpThere] = (),
) -> Fleet:
    """Put together what Kafka and the store say.

    Args:
        ends: where each (input, partition) ends; behind transaction markers of which nothing is left to read, these do not
            count (``gather``).
        known: the checkpoints there are.
        models: how those models are watched that were looked at.
        models_left_out: how many were not.
        retired: destinations of the router that are gone from its configuration.
        given_up: messages of the router that were given up.
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
                pending_predictions=pending_predictions(status.core) if status is not None and status.core else 0,
                memory_bytes=status.memory_bytes if status is not None else 0,
                wrong_keys=wrong_keys(status.core) if status is not None and status.core else [],
                unwatched_models=unwatched_models(status.core) if status is not None and status.core else None,
            )
        )
    return Fleet(
        group=group,
        partitions=partitions,
        models=list(models),
        models_left_out=models_left_out,
        retired=list(retired),
        given_up=list(given_up),
    )
