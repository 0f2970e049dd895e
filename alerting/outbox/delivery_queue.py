"""One group on one destination: the order of its deliveries, what replaces what, and when a delivery is over.

The promises kept here: trigger before update before resolve; a newer delivery replaces an older unsent one; a resolve
follows a trigger that was (or may have been) taken, and cancels one that certainly was not; what was opened is closed.
Pure: every function changes the lane it is given and returns a named reason.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random

from driftbell.alerting.outbox.backoff import GIVE_UP_MS, GIVE_UP_RESOLVE_MS, UNKNOWN_RETRIES, delay_ms
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeadLetter, Incident, Kind, Lane, Notification, Row


class Queued(enum.StrEnum):
    """What became of a notification at its destination."""

    TRIGGER = "queued_trigger"
    UPDATE = "queued_update"
    RESOLVE = "queued_resolve"
    #: It takes the place of an older one that was not sent yet.
    REPLACED = "replaced_unsent"
    #: The incident is over before the channel heard of it: nothing is sent at all.
    CANCELLED = "cancelled_unsent"
    #: There is nothing to close: the channel never heard of it, or its page was given up.
    NOTHING_OPEN = "nothing_open"
    #: ``send_resolved: false``.
    RESOLVE_NOT_WANTED = "resolve_not_wanted"


class Settled(enum.StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    RETRY = "retry"
    #: It failed, and a newer one that was waiting behind it goes in its place.
    REPLACED = "replaced_unsent"
    #: It failed, and the incident is over meanwhile.
    CANCELLED = "cancelled_unsent"
    #: Given up: trying again cannot help.
    DEAD_PERMANENT = "dead_permanent"
    #: Given up: tried for as long as its severity deserves.
    DEAD_EXPIRED = "dead_expired"
    #: Given up: it may have arrived, and a duplicate would be worse than a miss.
    DEAD_UNKNOWN = "dead_unknown"

    @property
    def is_dead(self) -> bool:
        """Whether the delivery was given up."""
        return self in (Settled.DEAD_PERMANENT, Settled.DEAD_EXPIRED, Settled.DEAD_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of ``settle``: the reason, and the dead letter if the delivery was given up."""

    reason: Settled
    dead_letter: DeadLetter | None = None


def new_lane(group_id: str, destination: str) -> Lane:
    """An empty lane. Its id is sha256 of group and destination, so it is the same after any restart."""
    return Lane(id=digest("lane", group_id, destination), group_id=group_id, destination=destination)


def kind_of(lane: Lane, row: Row) -> Kind:
    """What the row does if it is sent now. An update whose trigger was never taken is itself the trigger."""
    if row.notification.status == "resolved":
        return Kind.RESOLVE
    return Kind.UPDATE if lane.incident(row.incident_id).told == "yes" else Kind.TRIGGER


def enqueue_firing(lane: Lane, notification: Notification, subject: str, now_ms: int) -> Queued:
    """Queue a page, or an update of one."""
    incident = _open_incident(lane)
    if incident is None:
        incident = Incident(id=digest("incident", lane.id, str(now_ms))[:24], opened_ms=now_ms, subject=subject)
        lane.incidents.append(incident)
    last = lane.rows[-1] if lane.rows else None
    if last is not None and last.incident_id == incident.id and last.state == "pending":
        _replace(last, incident, notification, now_ms)
        return Queued.REPLACED
    _append(lane, incident, notification, now_ms)
    return Queued.TRIGGER if incident.deliveries == 1 else Queued.UPDATE


def enqueue_resolved(lane: Lane, notification: Notification | None, now_ms: int) -> Queued:
    """Queue the close of the open incident. ``notification`` None: the destination does not want closes."""
    incident = _open_incident(lane)
    if incident is None:
        return Queued.NOTHING_OPEN
    rows = [row for row in lane.rows if row.incident_id == incident.id]
    on_its_way = any(row.state == "sending" for row in rows)
    waiting = rows[-1] if rows and rows[-1].state == "pending" else None
    if incident.told == "no" and not on_its_way:
        _drop(lane, incident)
        return Queued.CANCELLED
    if notification is None:
        if waiting is not None:
            lane.rows.remove(waiting)
        if on_its_way:
            incident.ended = True
        else:
            _drop(lane, incident)
        return Queued.RESOLVE_NOT_WANTED
    if waiting is not None:
        _replace(waiting, incident, notification, now_ms)
        return Queued.REPLACED
    _append(lane, incident, notification, now_ms)
    return Queued.RESOLVE


def claim(lane: Lane, now_ms: int) -> Row | None:
    """Mark the first delivery as being sent and return it; None when it is not due, or one is on its way."""
    if not lane.rows:
        return None
    row = lane.rows[0]
    if row.state != "pending" or row.next_attempt_ms > now_ms:
        return None
    row.state = "sending"
    row.attempts += 1
    return row


def settle(lane: Lane, outcome: Outcome, now_ms: int, random: Random, *, repeatable: bool) -> Settlement:
    """Note the result of the delivery that was claimed.

    Args:
        lane: its first row is being sent.
        outcome: what the channel answered.
        now_ms: the router's clock.
        random: for the jitter.
        repeatable: whether the channel recognises a repeated delivery, so that an unknown outcome is no risk.
    """
    row = lane.rows[0]
    incident = lane.incident(row.incident_id)
    kind = kind_of(lane, row)
    if outcome.handle is not None:
        incident.handle = dict(outcome.handle)
    if outcome.ok:
        lane.rows.pop(0)
        incident.told = "yes"
        if kind is Kind.RESOLVE or incident.ended:
            lane.incidents.remove(incident)
        return Settlement(Settled.SENT)
    if incident.ended:
        _drop(lane, incident)
        return Settlement(Settled.CANCELLED)
    row.state = "pending"
    row.last_reason, row.last_error = outcome.reason, outcome.detail
    if outcome.retry is Retry.UNKNOWN:
        row.unknown += 1
        if incident.told == "no":
            incident.told = "maybe"
    verdict = _verdict(row, kind, outcome, now_ms, repeatable)
    if verdict is Settled.RETRY:
        row.next_attempt_ms = now_ms + delay_ms(row.attempts, outcome.retry_after_s, random)
        return Settlement(_collapse(lane))
    lane.rows.pop(0)
    if kind is Kind.RESOLVE:
        _keep_open(lane, incident)
    else:
        _forget_unopened(lane, incident)
    letter = DeadLetter(
        delivery_id=row.delivery_id,
        destination=lane.destination,
        kind=kind,
        reason=verdict,
        last_reason=outcome.reason,
        last_error=outcome.detail,
        attempts=row.attempts,
        subject=incident.subject,
        at_ms=now_ms,
    )
    return Settlement(verdict, letter)


def interrupted(lane: Lane) -> bool:
    """Whether the router died while a delivery of this lane was on its way."""
    return bool(lane.rows) and lane.rows[0].state == "sending"


def recover(lane: Lane, now_ms: int) -> Settled:
    """Make the delivery that was on its way when the router died due again: whether it arrived is not known.

    It is repeated at any severity: one page too many per crash is promised, none lost.
    """
    row = lane.rows[0]
    row.state = "pending"
    row.next_attempt_ms = now_ms
    row.last_reason = OutcomeReason.INTERRUPTED
    incident = lane.incident(row.incident_id)
    if incident.told == "no":
        incident.told = "maybe"
    return _collapse(lane)


def _verdict(row: Row, kind: Kind, outcome: Outcome, now_ms: int, repeatable: bool) -> Settled:
    if outcome.retry is Retry.NO:
        return Settled.DEAD_PERMANENT
    severity = row.notification.severity
    patience = GIVE_UP_RESOLVE_MS if kind is Kind.RESOLVE else GIVE_UP_MS[severity]
    if now_ms - row.enqueued_ms >= patience:
        return Settled.DEAD_EXPIRED
    if outcome.retry is Retry.UNKNOWN and not repeatable and kind is not Kind.RESOLVE:
        limit = UNKNOWN_RETRIES[severity]
        if limit is not None and row.unknown > limit:
            return Settled.DEAD_UNKNOWN
    return Settled.RETRY


def _collapse(lane: Lane) -> Settled:
    """After a failed attempt: let what was queued behind it meanwhile take its place, as if it had come before."""
    if len(lane.rows) < 2:
        return Settled.RETRY
    failed, newer = lane.rows[0], lane.rows[1]
    if newer.incident_id != failed.incident_id:
        return Settled.RETRY
    incident = lane.incident(failed.incident_id)
    lane.rows.pop(0)
    if newer.notification.status == "resolved" and incident.told == "no":
        _drop(lane, incident)
        return Settled.CANCELLED
    _inherit_schedule(newer, failed)
    return Settled.REPLACED


def _open_incident(lane: Lane) -> Incident | None:
    """The incident that a new page updates and a close closes: the newest, unless its close is queued already."""
    if not lane.incidents or lane.incidents[-1].ended:
        return None
    newest = lane.incidents[-1]
    closing = any(row.incident_id == newest.id and row.notification.status == "resolved" for row in lane.rows)
    return None if closing else newest


def _keep_open(lane: Lane, incident: Incident) -> None:
    """After giving up a close: the incident is still open on the channel, so the next page there is an update of it."""
    for row in lane.rows:
        lane.incidents.remove(lane.incident(row.incident_id))
        row.incident_id = incident.id
        row.delivery_id = _number(incident)


def _forget_unopened(lane: Lane, incident: Incident) -> None:
    """After giving up a page: an incident the channel certainly never heard of needs no close."""
    waiting = [row for row in lane.rows if row.incident_id == incident.id]
    if incident.told == "no" and not any(row.notification.status == "firing" for row in waiting):
        _drop(lane, incident)


def _drop(lane: Lane, incident: Incident) -> None:
    lane.rows = [row for row in lane.rows if row.incident_id != incident.id]
    lane.incidents.remove(incident)


def _append(lane: Lane, incident: Incident, notification: Notification, now_ms: int) -> None:
    lane.rows.append(
        Row(
            delivery_id=_number(incident),
            incident_id=incident.id,
            notification=notification,
            since_ms=now_ms,
            enqueued_ms=now_ms,
            next_attempt_ms=now_ms,
        )
    )


def _replace(row: Row, incident: Incident, notification: Notification, now_ms: int) -> None:
    row.delivery_id = _number(incident)
    row.notification = notification
    row.enqueued_ms = now_ms
    row.unknown = 0


def _inherit_schedule(newer: Row, failed: Row) -> None:
    newer.since_ms = failed.since_ms
    newer.attempts = failed.attempts
    newer.next_attempt_ms = failed.next_attempt_ms
    newer.last_reason, newer.last_error = failed.last_reason, failed.last_error


def _number(incident: Incident) -> str:
    incident.deliveries += 1
    return f"{incident.id}-{incident.deliveries}"
