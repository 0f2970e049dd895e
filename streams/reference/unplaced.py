"""Features for which a reference has no room: how many, which for example, in how many events, since when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from driftbell.streams.stats import NameCount
from driftbell.streams.versioned import Versioned

#: So long after the last event with such a feature the mistake is over, in ms of stream time.
QUIET_MS: Final = 10 * 60 * 1000


class UnplacedState(Versioned, frozen=True):
    """The first names and the smallest hashes of all, and the events that had them."""

    first: list[str]
    hashes: list[int]
    events: int
    start_ms: int
    last_ms: int


#: Of all that have none, which is nearly all.
_NO_NAMES: Final = NameCount()


class Unplaced:
    """What of a subject's features is not even learned, since it was last quiet. Bounded; times are stream time in ms."""

    __slots__ = ("events", "last_ms", "names", "start_ms")

    def __init__(self) -> None:
        self.names = _NO_NAMES
        #: How many events had one.
        self.events = 0
        self.start_ms = self.last_ms = 0

    def note(self, names: Iterable[str], events: int, now_ms: int) -> None:
        """So many events of a batch had features for which there was no room, some of them with these names."""
        if not self.shown(now_ms):
            self.names, self.events, self.start_ms = NameCount(), 0, now_ms
        for name in names:
            self.names.note(name)
        self.events += events
        self.last_ms = now_ms

    def shown(self, now_ms: int) -> bool:
        """Whether there were any lately."""
        return self.events > 0 and now_ms < self.due_ms

    @property
    def due_ms(self) -> int:
        """When it is over if no more come."""
        return self.last_ms + QUIET_MS

    def state(self) -> UnplacedState | None:
        """Everything needed to continue, copied; None where there was never one."""
        if not self.events:
            return None
        return UnplacedState(
            first=list(self.names.first),
            hashes=list(self.names.hashes),
            events=self.events,
            start_ms=self.start_ms,
            last_ms=self.last_ms,
        )

    def restore(self, saved: UnplacedState | None) -> None:
        """Continue from ``saved``."""
        if saved is not None:
            self.names = NameCount(saved.first, saved.hashes)
            self.events, self.start_ms, self.last_ms = saved.events, saved.start_ms, saved.last_ms
