"""One group on one destination: the order of its deliveries, what replaces what, and when a delivery is over.

The promises kept here: trigger before update before resolve; a newer delivery replaces an older unsent one; a resolve
follows a trigger that was (or may have been) taken, and cancels one that certainly was not; what was opened is closed.
Pure: every function changes the queue it is given and returns a named reason.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random

from driftbell.alerting.outbox.backoff import (
    GIVE_UP_MS,
    GIVE_UP_RESOLVE_MS,
    REFUSED_RETRY_MS,
    UNKNOWN_RETRIES,
    delay_ms,
)
from driftbell.alerting.outbox.news_unsent import with_news_of
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Incident, Kind, Notification, Row
from driftbell.alerting.state.state import Draft

#: Calls of one incident at most, each with a key of its own; what flaps for longer updates the last.
MAX_CALLS = 20


class Queued(enum.StrEnum):
    """What became of a notification at its destination."""

    TRIGGER = "queued_trigger"
    UPDATE = "queued_update"
    RESOLVE = "queued_resolve"
    #: It takes the place of an older one that was not sent yet.
    REPLACED = "replaced_unsent"
    #: The incident is over before the channel heard of it: nothing is sent at all.
    CANCELLED = "cancelled_unsent"
    #: There is nothing to close: the channel never heard of it, or its message was given up.
    NOTHING_OPEN = "nothing_open"
    #: ``send_resolved: false``.
    RESOLVE_NOT_WANTED = "resolve_not_wanted"
    #: Somebody has taken the incident on before the channel heard of it: nothing is sent until something new happens.
    HELD = "held_unsent"


class Settled(enum.StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    RETRY = "retry"
    #: It failed, and a newer one that was waiting behind it goes in its place.
    REPLACED = "replaced_unsent"
    #: It failed, and the incident is over meanwhile.
    CANCELLED = "cancelled_unsent"
    #: It failed, and somebody has taken the incident on meanwhile.
    HELD = "held_unsent"
    #: Given up: trying again cannot help.
    DEAD_PERMANENT = "dead_permanent"
    #: Given up: tried for as long as its severity deserves.
    DEAD_EXPIRED = "dead_expired"
    #: Given up: it may have arrived, and a duplicate would be worse than a miss.
    DEAD_UNKNOWN = "dead_unknown"
    #: A close that was refused, or tried for very long: it is tried every hour, until the destination takes it.
    CLOSE_KEPT = "close_kept"

    @property
    def is_dead(self) -> bool:
        """Whether the delivery was given up."""
        return self in (Settled.DEAD_PERMANENT, Settled.DEAD_EXPIRED, Settled.DEAD_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of ``settle``: the reason, and the dead letter if the delivery was given up or refused."""

    reason: Settled
    dead_delivery: DeadDelivery | None = None
    #: What was given up, and whether it was to call people again.
    notification: Notification | None = None
    calls_again: bool = False


def new_queue(group_id: str, destination: str) -> DeliveryQueue:
    """An empty queue. Its id is sha256 of group and destination, so it is the same after any restart."""
    return DeliveryQueue(id=digest("lane", group_id, destination), group_id=group_id, destination=destination)


def queue_of(draft: Draft, group_id: str, destination: str) -> DeliveryQueue:
    """The queue of a group on a destination; an empty one, added to the draft, if there is none."""
    fresh = new_queue(group_id, destination)
    # Not by its id alone: what an older version opened was named after the destination as that version named it.
    found = next((one.id for one in draft.state.queues_of_group(group_id) if _is_own(one, destination)), fresh.id)
    queue = draft.queue(found)
    if queue is None:
        queue = draft.queues[fresh.id] = fresh
    return queue


def _is_own(queue: DeliveryQueue, destination: str) -> bool:
    return queue.destination == destination and not queue.stands_for


def kind_of(queue: DeliveryQueue, row: Row) -> Kind:
    """What the row does if it is sent now. An update whose trigger was never taken is itself the trigger."""
    if row.notification.status == "resolved":
        return Kind.RESOLVE
    return Kind.UPDATE if queue.incident(row.incident_id).delivered == "yes" else Kind.TRIGGER


def enqueue_firing(
    queue: DeliveryQueue, notification: Notification, subject: str, now_ms: int, *, calls_again: bool = False
) -> Queued:
    """Queue a message, or an update of one; ``calls_again``: an update of which people must hear."""
    if notification.is_taken:
        return _enqueue_taken(queue, notification, now_ms)
    incident = _open_incident(queue) or _take_close_back(queue)
    if incident is None:
        incident = Incident(id=digest("incident", queue.id, str(now_ms))[:24], opened_ms=now_ms, subject=subject)
        queue.incidents.append(incident)
    last = queue.rows[-1] if queue.rows else None
    if last is not None and last.incident_id == incident.id and last.state == "pending":
        if last.notification.status == "resolved":
            # Another episode, while the channel still shows the last one.
            last.refused, calls_again = False, True
            last.since_ms = last.next_attempt_ms = now_ms
            last.attempts = 0
        _replace(last, incident, notification, now_ms)
        if calls_again and not last.calls_again and incident.delivered != "no":
            _call_again(incident, last)
        return Queued.REPLACED
    opens = incident.delivered == "no" and not any(row.incident_id == incident.id for row in queue.rows)
    row = _append(queue, incident, notification, now_ms)
    if calls_again and not opens:
        _call_again(incident, row)
    return Queued.TRIGGER if opens else Queued.UPDATE


def _enqueue_taken(queue: DeliveryQueue, notification: Notification, now_ms: int) -> Queued:
    """Queue that somebody has taken the incident on: it calls nobody, so what was to call people does not go out."""
    incident = _open_incident(queue)
    if incident is None:
        return Queued.NOTHING_OPEN
    rows = [row for row in queue.rows if row.incident_id == incident.id]
    waiting = [row for row in rows if row.state == "pending"]
    if incident.delivered == "no" and len(waiting) == len(rows):
        queue.rows = [row for row in queue.rows if row.incident_id != incident.id]
        return Queued.HELD
    if waiting:
        waiting[-1].calls_again = False
        _replace(waiting[-1], incident, notification, now_ms)
        return Queued.REPLACED
    _append(queue, incident, notification, now_ms)
    return Queued.UPDATE


def enqueue_resolved(queue: DeliveryQueue, notification: Notification | None, now_ms: int) -> Queued:
    """Queue the close of the open incident. ``notification`` None: the destination does not want closes."""
    incident = _open_incident(queue)
    if incident is None:
        return Queued.NOTHING_OPEN
    rows = [row for row in queue.rows if row.incident_id == incident.id]
    on_its_way = any(row.state == "sending" for row in rows)
    waiting = rows[-1] if rows and rows[-1].state == "pending" else None
    if incident.delivered == "no" and not on_its_way:
        _drop(queue, incident)
        return Queued.CANCELLED
    if notification is None:
        if waiting is not None:
            queue.rows.remove(waiting)
        if on_its_way:
            incident.ended = True
        else:
            _drop(queue, incident)
        return Queued.RESOLVE_NOT_WANTED
    if waiting is not None:
        waiting.calls_again = False
        _replace(waiting, incident, notification, now_ms)
        return Queued.REPLACED
    _append(queue, incident, notification, now_ms)
    return Queued.RESOLVE


def claim(queue: DeliveryQueue, now_ms: int) -> Row | None:
    """Mark the first delivery as being sent and return it; None when it is not due, or one is on its way."""
    if not queue.rows:
        return None
    row = queue.rows[0]
    if row.state != "pending" or row.next_attempt_ms > now_ms:
        return None
    row.state = "sending"
    row.attempts += 1
    return row


def settle(
    queue: DeliveryQueue, outcome: Outcome, now_ms: int, random: Random, *, repeatable: bool, label: str = ""
) -> Settlement:
    """Note the result of the delivery that was claimed.

    Args:
        queue: its first row is being sent.
        outcome: what the channel answered.
        now_ms: the router's clock.
        random: for the jitter.
        repeatable: whether the channel recognises a repeated delivery, so that an unknown outcome is no risk.
        label: the destination's name for people, on what is given up.
    """
    row = queue.rows[0]
    incident = queue.incident(row.incident_id)
    kind = kind_of(queue, row)
    if outcome.handle is not None:
        incident.handle = dict(outcome.handle)
    if outcome.ok:
        queue.rows.pop(0)
        incident.delivered = "yes"
        if kind is Kind.RESOLVE or incident.ended:
            queue.incidents.remove(incident)
        return Settlement(Settled.SENT)
    if incident.ended:
        _drop(queue, incident)
        return Settlement(Settled.CANCELLED)
    row.state = "pending"
    row.last_reason, row.last_error = outcome.reason, outcome.detail
    if outcome.retry is Retry.UNKNOWN:
        row.unknown += 1
        if incident.delivered == "no":
            incident.delivered = "maybe"
    verdict = _verdict(row, kind, outcome, now_ms, repeatable)
    if verdict is Settled.RETRY:
        row.next_attempt_ms = now_ms + delay_ms(row.attempts, outcome.retry_after_seconds, random)
        return Settlement(_collapse(queue))
    letter = DeadDelivery(
        delivery_id=row.delivery_id,
        destination=label or queue.destination,
        kind=kind,
        reason=verdict,
        last_reason=outcome.reason,
        last_error=outcome.detail,
        attempts=row.attempts,
        subject=incident.subject,
        at_ms=now_ms,
        severity=row.notification.severity.value,
    )
    if kind is not Kind.RESOLVE:
        queue.rows.pop(0)
        _forget_unopened(queue, incident)
        return Settlement(verdict, letter, row.notification, row.calls_again)
    if len(queue.rows) > 1:
        queue.rows.pop(0)
        _keep_open(queue, incident)
        return Settlement(verdict, None if row.refused else letter)
    told, row.refused = row.refused, True
    row.next_attempt_ms = now_ms + REFUSED_RETRY_MS
    return Settlement(Settled.CLOSE_KEPT, None if told else letter)


def interrupted(queue: DeliveryQueue) -> bool:
    """Whether the router died while a delivery of this queue was on its way."""
    return bool(queue.rows) and queue.rows[0].state == "sending"


def recover(queue: DeliveryQueue, now_ms: int) -> Settled:
    """Make the delivery that was on its way when the router died due again: whether it arrived is not known.

    It is repeated at any severity: one message too many per crash is promised, none lost.
    """
    row = queue.rows[0]
    row.state = "pending"
    row.next_attempt_ms = now_ms
    row.last_reason = OutcomeReason.INTERRUPTED
    incident = queue.incident(row.incident_id)
    if incident.delivered == "no":
        incident.delivered = "maybe"
    return _collapse(queue)


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


def _collapse(queue: DeliveryQueue) -> Settled:
    """After a failed attempt: let what was queued behind it meanwhile take its place, as if it had come before."""
    if len(queue.rows) < 2:
        return Settled.RETRY
    failed, newer = queue.rows[0], queue.rows[1]
    if newer.incident_id != failed.incident_id:
        return Settled.RETRY
    incident = queue.incident(failed.incident_id)
    queue.rows.pop(0)
    if newer.notification.status == "resolved" and incident.delivered == "no":
        _drop(queue, incident)
        return Settled.CANCELLED
    if newer.notification.is_taken and incident.delivered == "no":
        queue.rows.remove(newer)
        return Settled.HELD
    _inherit_schedule(newer, failed)
    newer.notification = with_news_of(failed.notification, newer.notification)
    if incident.delivered == "no":
        # It is the first that the channel hears.
        newer.calls_again, incident.calls = False, 1
    elif failed.calls_again and newer.notification.status == "firing" and not newer.notification.is_taken:
        newer.calls_again = True
    return Settled.REPLACED


def _open_incident(queue: DeliveryQueue) -> Incident | None:
    """The incident that a new message updates and a close closes: the newest, unless its close is queued already."""
    if not queue.incidents or queue.incidents[-1].ended:
        return None
    newest = queue.incidents[-1]
    closing = any(row.incident_id == newest.id and row.notification.status == "resolved" for row in queue.rows)
    return None if closing else newest


def _take_close_back(queue: DeliveryQueue) -> Incident | None:
    """The incident whose close the channel has refused and that is still open there, so that a new message can update it."""
    last = queue.rows[-1] if queue.rows else None
    if last is None or not last.refused or last.state != "pending":
        return None
    return queue.incident(last.incident_id)


def _call_again(incident: Incident, row: Row) -> None:
    row.calls_again = True
    incident.calls = min(incident.calls + 1, MAX_CALLS)


def _keep_open(queue: DeliveryQueue, incident: Incident) -> None:
    """After a refused close: the incident is still open on the channel, so the next message there is an update of it."""
    for row in queue.rows:
        queue.incidents.remove(queue.incident(row.incident_id))
        row.incident_id = incident.id
        row.delivery_id = _number(incident)
        if row.notification.status == "firing":
            _call_again(incident, row)


def _forget_unopened(queue: DeliveryQueue, incident: Incident) -> None:
    """After giving up a message: an incident the channel certainly never heard of needs no close."""
    waiting = [row for row in queue.rows if row.incident_id == incident.id]
    if incident.delivered == "no" and not any(row.notification.status == "firing" for row in waiting):
        _drop(queue, incident)


def _drop(queue: DeliveryQueue, incident: Incident) -> None:
    queue.rows = [row for row in queue.rows if row.incident_id != incident.id]
    queue.incidents.remove(incident)


def _append(queue: DeliveryQueue, incident: Incident, notification: Notification, now_ms: int) -> Row:
    row = Row(
        delivery_id=_number(incident),
        incident_id=incident.id,
        notification=notification,
        since_ms=now_ms,
        enqueued_ms=now_ms,
        next_attempt_ms=now_ms,
    )
    queue.rows.append(row)
    return row


def _replace(row: Row, incident: Incident, notification: Notification, now_ms: int) -> None:
    row.delivery_id = _number(incident)
    row.notification = with_news_of(row.notification, notification)
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
