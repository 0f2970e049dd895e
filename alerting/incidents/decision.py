"""Whether a destination has to hear about a group now: Alertmanager's decision table, with a named reason.

Source: Alertmanager 0.25 ``notify/notify.go`` ``needsUpdate``. One difference: our log entries do not expire while
their group lives (Alertmanager's do, and the resolve of a long quiet group is lost with them).
"""

from __future__ import annotations

import enum
from collections.abc import Set as AbstractSet

from driftbell.alerting.state.records import LogEntry


class Reason(enum.StrEnum):
    """Why a destination is told, or why not. The value is the log field, the metric label and what tests assert."""

    FIRST_NOTIFICATION = "first_notification"
    NEW_ALERTS = "new_alerts"
    ALL_RESOLVED = "all_resolved"
    #: Its alerts fire on, but another route or receiver has them now.
    ROUTING_CHANGED = "routing_changed"
    ALERTS_RESOLVED = "alerts_resolved"
    REPEAT = "repeat_interval_elapsed"
    NOTHING_FIRING = "nothing_firing"
    UP_TO_DATE = "up_to_date"

    @property
    def sends(self) -> bool:
        """Whether this reason makes a notification."""
        return self not in (Reason.NOTHING_FIRING, Reason.UP_TO_DATE)


def needs_update(
    last: LogEntry | None,
    firing: AbstractSet[str],
    resolved: AbstractSet[str],
    *,
    send_resolved: bool,
    repeat_ms: int,
    now_ms: int,
) -> Reason:
    """Decide.

    Args:
        last: what the destination was told last; None if nothing.
        firing: fingerprints that fire and are not muted.
        resolved: fingerprints that are over and have not left the group.
        send_resolved: whether the destination wants to hear that single alerts are over.
        repeat_ms: the route's repeat_interval.
        now_ms: the router's clock.
    """
    if last is None:
        return Reason.FIRST_NOTIFICATION if firing else Reason.NOTHING_FIRING
    if not firing <= last.firing:
        return Reason.NEW_ALERTS if last.firing else Reason.FIRST_NOTIFICATION
    if not firing:
        return Reason.ALL_RESOLVED if last.firing else Reason.NOTHING_FIRING
    if send_resolved and not resolved <= last.resolved:
        return Reason.ALERTS_RESOLVED
    return Reason.REPEAT if last.at_ms < now_ms - repeat_ms else Reason.UP_TO_DATE
