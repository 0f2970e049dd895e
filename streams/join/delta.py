"""What the join gives its owner to store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
