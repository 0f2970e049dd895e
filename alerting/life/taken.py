"""What of a group somebody has taken on, against what a destination was told of that."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec

from driftbell.alerting.state.records import Acknowledgement, LogEntry, Notification
from driftbell.alerting.state.state import Draft


class TakenChange(enum.StrEnum):
    """What is new for the destination. The value is what tests assert."""

    NOTHING = "nothing"
    #: Somebody has taken an alert on.
    TAKEN = "taken"
    #: A snooze is over, or an alert was given back, and fires on.
    GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class Taken:
    """Acknowledgements of what a destination shows.

    Args:
        now: of its firing alerts, by fingerprint.
        change: against what it was told.
        calls_again: whether people are to be called though its incident is open: nobody has what they had, or there is
            something new where they were told that all is taken.
    """

    now: Mapping[str, Acknowledgement]
    change: TakenChange
    calls_again: bool

    @classmethod
    def of(cls, draft: Draft, firing: Iterable[str], last: LogEntry | None, now_ms: int) -> Taken:
        """Compare.

        Args:
            draft: has the acknowledgements.
            firing: fingerprints that the destination is to show as firing.
            last: what it was told last.
            now_ms: the router's clock.
        """
        shown = frozenset(firing)
        found = {name: draft.acknowledgement(name) for name in shown}
        now = {name: one for name, one in found.items() if one is not None and one.holds(now_ms)}
        told: AbstractSet[str] = frozenset()
        if last is not None and last.acknowledged is not msgspec.UNSET:
            told = last.acknowledged
        open_before = shown & last.firing if last is not None else frozenset()
        given_back = (told & open_before) - now.keys()
        if given_back:
            return cls(now, TakenChange.GIVEN_BACK, calls_again=True)
        had = last is not None and bool(last.firing) and last.firing <= told
        all_was_taken = had or (bool(open_before) and open_before <= now.keys())
        news = bool(shown - now.keys() - open_before)
        change = TakenChange.TAKEN if now.keys() - told else TakenChange.NOTHING
        return cls(now, change, calls_again=all_was_taken and news)

    def told(self, notification: Notification) -> Notification:
        """The notification, with who has taken what on."""
        if not self.now:
            return notification
        latest = max(self.now.values(), key=lambda one: one.at_ms)
        return msgspec.structs.replace(notification, acknowledged=len(self.now), acknowledgement=latest)
