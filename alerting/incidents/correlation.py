"""Which open incident an alert belongs to, on a route that correlates: one cause, one page (pure).

An incident is a group of its own. It has an onset, the time of its cause, and an opening, the time at which its first alert
fired. Without ``correlate`` all alerts of a route with the same group labels are one group, as in Alertmanager.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from driftbell.alerting.rendering.story.roles import Role, cause_ms, moved, role_of
from driftbell.alerting.routing.routes import Node, digest, group_id, group_key
from driftbell.alerting.state.records import Entry, Group
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import to_ms
from driftbell.schemas import Alert

log = logging.getLogger(__name__)

#: Alerts that have left an incident and would come back to it, and features that are known to have moved in it. What is
#: beyond makes an incident of its own, so that nothing a producer names grows without end.
MAX_PAST = 1_000
MAX_FEATURES = 1_000


class Joining(enum.StrEnum):
    """Why an alert is in its group. The value is the log field and what tests assert."""

    #: The route does not correlate: one group for equal labels.
    EQUAL_LABELS = "equal_labels"
    #: It is about driftbell itself, which is never the cause of what a model does, nor its effect.
    HEALTH = "health"
    #: It is in the incident, or was.
    SAME_ALERT = "same_alert"
    #: Its cause lies in the window around the incident's.
    SAME_TIME = "same_time"
    #: It came later (labels do), and says that the features of the incident moved.
    SAME_FEATURES = "same_features"
    #: No open incident fits, so it is the first of a new one.
    OPENS = "opens"


@dataclass(frozen=True, slots=True)
class Placement:
    """The group that an alert goes to, and why."""

    reason: Joining
    group_id: str
    #: What the incidents of equal labels have in common; empty where the group is no incident.
    base: str
    key: str


def place(draft: Draft, node: Node, labels: Mapping[str, str], alert: Alert, fired_ms: int) -> Placement:
    """Where an alert that fires belongs on a route.

    Args:
        draft: has the incidents that are open.
        node: a route that takes the alert.
        labels: its group labels.
        alert: fires.
        fired_ms: when it began to.
    """
    base, key = group_id(node, labels), group_key(node, labels)
    window_ms = node.options.correlate_ms
    for incident in draft.incidents(base):
        if alert.fingerprint in incident.members:
            return Placement(Joining.SAME_ALERT, incident.id, base, key)
    if window_ms is None:
        return Placement(Joining.EQUAL_LABELS, base, "", key)
    if role_of(alert) is Role.HEALTH:
        return Placement(Joining.HEALTH, health_id(base), "", f"{key}#health")
    _adopt_older(draft, base)
    opened = digest("cause", base, alert.fingerprint, str(alert.episode))
    chosen: tuple[tuple[int, bool, int, int, str], Joining] | None = None
    began_ms, features, is_late = cause_of(alert, fired_ms), moved(alert), comes_late(alert)
    for incident in draft.incidents(base):
        reason = _joins(incident, alert.fingerprint, began_ms, features, is_late, window_ms)
        if reason is None and incident.id == opened:
            reason = Joining.SAME_ALERT
        if reason is None:
            continue
        # Of several the one that people know already, then the one whose cause is nearest.
        distance_ms = abs(began_ms - incident.onset_ms)
        rank = (_ORDER[reason], not incident.flushed, distance_ms, incident.opened_ms, incident.id)
        if chosen is None or rank < chosen[0]:
            chosen = rank, reason
    if chosen is None:
        return Placement(Joining.OPENS, opened, base, f"{key}#{opened[:8]}")
    return Placement(chosen[1], chosen[0][-1], base, key)


_ORDER = {Joining.SAME_ALERT: 0, Joining.SAME_TIME: 1, Joining.SAME_FEATURES: 2}


def health_id(base: str) -> str:
    """The group of the alerts about driftbell itself, of one route and its labels."""
    return digest("health", base)


def is_of(group: Group, base: str) -> bool:
    """Whether a group holds alerts of one route and its labels, whether or not the route correlated when it was made."""
    return base in (group.id, group.base) or group.id == health_id(base)


def _joins(
    incident: Group, fingerprint: str, began_ms: int, features: set[str], is_late: bool, window_ms: int
) -> Joining | None:
    if fingerprint in incident.members or fingerprint in incident.past:
        return Joining.SAME_ALERT
    # Of what nobody was told yet the order does not matter: what would have taken it in, had it come first, is taken in.
    after = not incident.flushed or began_ms >= incident.onset_ms - window_ms
    if after and began_ms <= incident.opened_ms + window_ms:
        return Joining.SAME_TIME
    if after and is_late and not features.isdisjoint(incident.features):
        return Joining.SAME_FEATURES
    return None


def note(group: Group, alert: Alert, fired_ms: int) -> None:
    """An alert joins an incident, which knows more of its cause then. The onset is fixed when people are told."""
    began_ms = cause_of(alert, fired_ms)
    if not group.onset_ms or (not group.flushed and began_ms < group.onset_ms):
        group.onset_ms = began_ms
    group.opened_ms = group.opened_ms or fired_ms
    group.features |= set(sorted(moved(alert) - group.features)[: MAX_FEATURES - len(group.features)])
    group.past.pop(alert.fingerprint, None)


def _adopt_older(draft: Draft, base: str) -> None:
    """A group that was made before its route correlated is the incident that is open for its labels."""
    known = draft.group_to_read(base)
    if known is None or known.base:
        return
    group = draft.group(base)
    assert group is not None
    group.base, group.opened_ms = group.id, group.created_ms
    flushed, group.flushed = group.flushed, False
    for fingerprint in group.members:
        alert = draft.alert(fingerprint)
        if alert is not None:
            note(group, alert, to_ms(alert.startsAt))
    group.onset_ms = group.onset_ms or group.created_ms
    group.flushed = flushed
    draft.open(group)


def leave(group: Group, fingerprint: str, episode: int) -> None:
    """An alert of an incident is over; it is known if it comes back while the incident is open."""
    if not group.base:
        return
    group.past[fingerprint] = episode
    if len(group.past) > MAX_PAST:
        del group.past[next(iter(group.past))]


def cause_of(alert: Alert, fired_ms: int) -> int:
    """When the cause of an alert was, in epoch milliseconds; never after it fired."""
    return cause_ms(alert, min(to_ms(alert.startsAt), fired_ms))


def comes_late(alert: Alert) -> bool:
    """Whether an alert may come long after its cause: labels are late, and so is what follows of them."""
    return role_of(alert) in (Role.PERFORMANCE, Role.CONCEPT, Role.PREDICTION_DRIFT)


def log_joining(placement: Placement, group: Group, entry: Entry) -> None:
    """Say in the log why an alert is in its incident."""
    log.info(
        "alert joins an incident",
        extra={
            "fingerprint": entry.fingerprint,
            "episode": entry.episode,
            "reason": placement.reason.value,
            "incident": group.id,
            "group": group.key,
        },
    )


def right_groups(draft: Draft, known: Entry, wanted: AbstractSet[str]) -> tuple[set[str], set[str]]:
    """The groups of an alert that it may stay in, and of what is wanted that in which it has none."""
    groups = [group for group in map(draft.group_to_read, known.groups) if group is not None]
    right = {group.id for group in groups if any(is_of(group, base) for base in wanted)}
    missing = {base for base in wanted if not any(is_of(group, base) for group in groups)}
    return right, missing
