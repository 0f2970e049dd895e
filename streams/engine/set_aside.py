"""Partitions that failed: set aside while the worker goes on with the others, tried again, led past the record they fail at.

Nothing is saved, published or committed for a partition that has failed; it begins again at its checkpoint.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from driftbell.streams.engine.runner import Runner
from driftbell.streams.errors import StateLostError, StoreUnavailableError, TooManyDeadLettersError
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input

#: How long a partition that failed rests before it is tried again, in seconds; the last one repeats.
PAUSES_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)

#: A record at which alone the partition has failed so often is stepped over. The first failure is of a step of many records,
#: so the partition is claimed again twice before.
TRIES = 2


class Concern(enum.StrEnum):
    """Whom an error concerns."""

    #: This partition: the others go on.
    PARTITION = "partition"
    #: All partitions alike, or the process itself: the worker ends.
    WORKER = "worker"


def concern_of(error: BaseException) -> Concern:
    """Whom the error of one partition concerns."""
    if isinstance(error, StateLostError | StoreUnavailableError | MemoryError) or not isinstance(error, Exception):
        return Concern.WORKER
    return Concern.PARTITION


def _place(runner: Runner) -> Place | None:
    step = runner.failed_step
    return None if step is None else Place(step.input, step.records[0].offset, step.records[-1].offset + 1)


class Place(NamedTuple):
    """The records of a step: offsets from ``first`` to before ``end``."""

    input: Input
    first: int
    end: int


@dataclass(slots=True)
class Failure:
    """What is known of a partition that fails."""

    error: str
    #: Where, if a step failed; None where no record is to blame.
    place: Place | None
    #: Failures since the partition last got past its place.
    times: int = 0
    #: Failures in a row at this place.
    times_here: int = 0
    #: Whether it waits for the brokers, each attempt as long as patience lasts: there is no need to wait longer between.
    brokers_away: bool = False
    #: Failures at one record alone.
    tries: Counter[tuple[Input, int]] = field(default_factory=Counter)
    #: Up to where records are processed one by one.
    singly_until: dict[Input, int] = field(default_factory=dict)

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next attempt."""
        if self.brokers_away:
            return PAUSES_SECONDS[0]
        return PAUSES_SECONDS[min(self.times_here, len(PAUSES_SECONDS)) - 1]

    @property
    def stepped_over(self) -> Mapping[tuple[Input, int], int]:
        """The records to step over."""
        return {record: tries for record, tries in self.tries.items() if tries >= TRIES}


class SetAside:
    """The failures of the partitions of one worker, across rebalances."""

    def __init__(self) -> None:
        self._failures: dict[int, Failure] = {}

    def __getitem__(self, index: int) -> Failure:
        return self._failures[index]

    def __contains__(self, index: int) -> bool:
        return index in self._failures

    def failed(self, runner: Runner, error: BaseException) -> Failure:
        """Note that a partition has failed; returns all that is known of it."""
        failure = self._noted(runner.partition.index, error)
        # Bad records without end are no fault of one of them, and to skip them is not ours to decide.
        place = None if isinstance(error, TooManyDeadLettersError) else _place(runner)
        failure.times_here = failure.times_here + 1 if place == failure.place else 1
        failure.place = place
        if place is not None:
            until = failure.singly_until.get(place.input, 0)
            failure.singly_until[place.input] = max(until, place.end)
            if place.end == place.first + 1:
                failure.tries[place.input, place.first] += 1
        return failure

    def not_claimed(self, index: int, error: BaseException) -> Failure:
        """Note that a partition could not be claimed; returns all that is known of it."""
        failure = self._noted(index, error)
        failure.times_here += 1
        failure.brokers_away = isinstance(error, OSError)
        return failure

    def _noted(self, index: int, error: BaseException) -> Failure:
        failure = self._failures.setdefault(index, Failure("", None))
        failure.times += 1
        failure.error, failure.brokers_away = f"{type(error).__name__}: {error}", False
        return failure

    def prepare(self, partition: Partition) -> None:
        """Before a partition begins again: find the record that fails, or step over it."""
        failure = self._failures.get(partition.index)
        if failure is None:
            return
        for source, until in failure.singly_until.items():
            partition.go_singly(source, until)
        for (source, offset), tries in failure.stepped_over.items():
            partition.step_over(source, offset, f"failed {tries + 1} times here: {failure.error}")

    def saved(self, index: int, offsets: Mapping[str, int]) -> Failure | None:
        """A checkpoint is saved; returns the failure that is over with it, if it is."""
        failure = self._failures.get(index)
        if failure is None:
            return None
        place = failure.place
        if place is not None and offsets.get(place.input.value, 0) < place.end:
            return None
        return self._failures.pop(index)
