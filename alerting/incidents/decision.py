"""Whether a destination has to be notified of a group now: Alertmanager's decision table, with a named reason.

Source: Alertmanager 0.25 ``notify/notify.go`` ``needsUpdate``. One difference: our log entries do not expire while
their group lives (Alertmanager's do, and the resolve of a long quiet group is lost with them).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec

from driftbell.alerting.life.taken import Taken, TakenChange
from driftbell.alerting.muting.muter import Muted
from driftbell.alerting.outbox.delivery_queue import Queued
from driftbell.alerting.state.records import LogEntry

#: The time of a log entry whose destination does not know what it says, as the message was given up.
GIVEN_UP_MS = 0


class DecisionReason(enum.StrEnum):
    """Why a destination is notified, or why not. The value is the log field, the metric label and what tests assert."""

    FIRST_NOTIFICATION = "first_notification"
    NEW_ALERTS = "new_alerts"
    ALL_RESOLVED = "all_resolved"
    #: Its alerts fire on, but another route or receiver has them now.
    ROUTING_CHANGED = "routing_changed"
    ALERTS_RESOLVED = "alerts_resolved"
    #: Somebody has taken an alert of it on.
    ACKNOWLEDGED = "acknowledged"
    #: A snooze is over, or an alert was given back, and it fires on.
    ACKNOWLEDGEMENT_OVER = "acknowledgement_over"
    #: An alert opens and closes again and again: from now on it is one page, until it is quiet.
    FLAPPING = "flapping"
    #: Nobody has taken it on in time: a step of the escalation.
    ESCALATED = "escalated"
    #: Nobody has taken it on: people are called once more.
    REMINDER = "reminder"
    REPEAT = "repeat_interval_elapsed"
    #: The last message there was given up (``driftbell.alerting.incidents.given_up``), and it fires on.
    TRIED_AGAIN = "tried_again"
    #: Very many incidents wait there: it is told together with the others (``driftbell.alerting.life.holding``).
    STORM = "storm"
    NOTHING_FIRING = "nothing_firing"
    UP_TO_DATE = "up_to_date"

    @property
    def sends(self) -> bool:
        """Whether this reason makes a notification."""
        return self not in (DecisionReason.STORM, DecisionReason.NOTHING_FIRING, DecisionReason.UP_TO_DATE)

    @property
    def calls_again(self) -> bool:
        """Whether it calls people for what is open already."""
        return self in (DecisionReason.ESCALATED, DecisionReason.REMINDER)

    @property
    def says_the_same(self) -> bool:
        """Whether it makes a notification that has nothing new."""
        return self in (DecisionReason.REPEAT, DecisionReason.TRIED_AGAIN)

    @property
    def has_no_news(self) -> bool:
        """Whether what fires is what the last message said, so that anything new is the better reason."""
        return self is DecisionReason.UP_TO_DATE or self.says_the_same


def needs_update(
    last: LogEntry | None,
    firing: AbstractSet[str],
    resolved: AbstractSet[str],
    *,
    send_resolved: bool,
    repeat_ms: int,
    now_ms: int,
) -> DecisionReason:
    """Decide.

    Args:
        last: what the destination was sent last; None if nothing.
        firing: fingerprints that fire and are not muted.
        resolved: fingerprints that are over and have not left the group.
        send_resolved: whether the destination wants to hear that single alerts are over.
        repeat_ms: the route's repeat_interval.
        now_ms: the router's clock.
    """
    if last is None:
        return DecisionReason.FIRST_NOTIFICATION if firing else DecisionReason.NOTHING_FIRING
    if not firing <= last.firing:
        return DecisionReason.NEW_ALERTS if last.firing else DecisionReason.FIRST_NOTIFICATION
    if not firing:
        return DecisionReason.ALL_RESOLVED if last.firing else DecisionReason.NOTHING_FIRING
    if send_resolved and not resolved <= last.resolved:
        return DecisionReason.ALERTS_RESOLVED
    if last.at_ms >= now_ms - repeat_ms:
        return DecisionReason.UP_TO_DATE
    return DecisionReason.TRIED_AGAIN if last.at_ms == GIVEN_UP_MS else DecisionReason.REPEAT


@dataclass(frozen=True, slots=True)
class Decision:
    """What one flush decided for one destination."""

    group_id: str
    group_key: str
    destination: str
    reason: DecisionReason
    queued: Queued | None
    firing: int
    resolved: int
    muted: Mapping[str, Muted]
    #: How long the group has existed.
    age_ms: int


def with_taken(reason: DecisionReason, taken: Taken) -> DecisionReason:
    """What is new of acknowledgements is told where nothing else is."""
    if not reason.has_no_news:
        return reason
    if taken.change is TakenChange.GIVEN_BACK:
        return DecisionReason.ACKNOWLEDGEMENT_OVER
    return DecisionReason.ACKNOWLEDGED if taken.change is TakenChange.TAKEN else reason


def with_flapping(reason: DecisionReason, last: LogEntry | None, flapping: AbstractSet[str]) -> DecisionReason:
    """That an alert flaps is told where nothing else is."""
    told = frozenset() if last is None or last.flapping is msgspec.UNSET else last.flapping
    return DecisionReason.FLAPPING if reason.has_no_news and flapping - told else reason


def with_waiting(reason: DecisionReason, *, escalated: bool, reminder: bool) -> DecisionReason:
    """What nobody has taken on in time is told where it is not known, or where nothing else is new.

    Args:
        reason: of what fires and is not held back.
        escalated: a step of the escalation has just reached this destination.
        reminder: people there were called too long ago.
    """
    quiet = reason.has_no_news or reason is DecisionReason.ACKNOWLEDGED
    if escalated and (quiet or reason is DecisionReason.FIRST_NOTIFICATION):
        return DecisionReason.ESCALATED
    return DecisionReason.REMINDER if reminder and quiet else reason
