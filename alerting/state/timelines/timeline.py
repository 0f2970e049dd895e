"""What happened to a group of alerts, for people who ask later: bounded, and kept for a while after it is over."""

from __future__ import annotations

import msgspec


class Happening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened to a group of alerts, for people who ask later.

    Args:
        at_ms: epoch milliseconds of the router's clock.
        what: its named reason: of a decision, of what holds alerts back, or of what a channel answered.
        destination: its name for people; empty where it concerns all of them.
        detail: for people.
        times: how often it happened in a row; ``at_ms`` is the last.
    """

    at_ms: int
    what: str
    destination: str = ""
    detail: str = ""
    times: int = 1


class Timeline(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is remembered of one group, by its id."""

    id: str
    #: Of the group, as Alertmanager writes it.
    key: str
    route: str
    fingerprints: set[str] = msgspec.field(default_factory=set)
    #: The oldest first.
    happenings: list[Happening] = msgspec.field(default_factory=list)
    #: Older ones that were dropped.
    dropped: int = 0
    #: What held its alerts back when it was looked at last.
    held_back: str = ""

    def copy(self) -> Timeline:
        """A copy that can be changed without changing this one."""
        return msgspec.structs.replace(self, fingerprints=set(self.fingerprints), happenings=list(self.happenings))

    @property
    def last_ms(self) -> int:
        """When something happened last."""
        return self.happenings[-1].at_ms if self.happenings else 0
