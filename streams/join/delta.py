"""What the join tells its owner: what to store, and what has expired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.streams.subject import Subject


@dataclass(frozen=True, slots=True)
class JoinDelta:
    """What changed since the last delta, as bytes, to be written in one atomic step with the join's state.

    Apply ``put`` before ``drop`` and ``wait`` before ``unwait``, or in any order: their keys and slots are disjoint.
    """

    #: Slot -> key -> packed prediction.
    put: Mapping[int, Mapping[bytes, bytes]] = field(default_factory=dict)
    #: Slots to delete whole.
    drop: Sequence[int] = ()
    #: Waiting labels to write, and keys of those to delete.
    wait: Mapping[bytes, bytes] = field(default_factory=dict)
    unwait: Sequence[bytes] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.drop or self.wait or self.unwait)


@dataclass(frozen=True, slots=True)
class JoinExpiry:
    """What has expired since the last call."""

    #: Predictions whose horizon ended without a label.
    unlabelled: Mapping[Subject, int] = field(default_factory=dict)
    #: Waiting labels given up for want of a prediction, by model.
    unmatched: Mapping[str, int] = field(default_factory=dict)
    #: Slots that are over; the next delta deletes them.
    slots: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.unlabelled or self.unmatched or self.slots)
