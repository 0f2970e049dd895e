"""Failover: a destination that cannot be reached is reported on another one, until it works again."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.alerting.outbox.delivery_queue import Queued, enqueue_firing, enqueue_resolved, new_queue
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Group, Row
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import clock_time, rfc3339
from driftbell.schemas import Alert, Evidence, fingerprint

ALERTNAME = "DriftbellNotificationFailed"


class Failover:
    """Chooses the other destination: one of the same receiver first, then of the root's, then any."""

    def __init__(self, destinations: Sequence[Destination], root_receiver: str) -> None:
        self._fallback: dict[str, Destination | None] = {}
        for sick in destinations:
            others = [other for other in destinations if other.id != sick.id]
            # Another kind of channel is less likely to be ill of the same thing.
            others.sort(
                key=lambda other: (
                    other.receiver != sick.receiver,
                    other.receiver != root_receiver,
                    other.integration == sick.integration,
                )
            )
            self._fallback[sick.id] = others[0] if others else None

    def alarm(self, draft: Draft, destination: str, letter: DeadDelivery | None, now_ms: int) -> Queued | None:
        """Queue a message about a destination: what was given up there just now, and what fails there for too long.

        Returns:
            None when there is no other destination.
        """
        fallback = self._fallback.get(destination)
        if fallback is None:
            return None
        alerts = [] if letter is None else [_given_up(letter, now_ms)]
        for queue in draft.queues_of(destination):
            alerts += [_failing(queue, row, now_ms) for row in queue.rows[:1] if row.failed_over]
        notification = notify(
            _group(destination, now_ms),
            fallback.receiver,
            alerts,
            [],
            reason="notification_failed",
            now_ms=now_ms,
        )
        return enqueue_firing(_queue(draft, destination, fallback), notification, subject(notification), now_ms)

    def all_clear(self, draft: Draft, destination: str, now_ms: int) -> Queued | None:
        """After a success: close the message about this destination, if there is one."""
        fallback = self._fallback.get(destination)
        if fallback is None or new_queue(_group_id(destination), fallback.id).id not in draft.state.queues:
            return None
        queue = _queue(draft, destination, fallback)
        group = _group(destination, now_ms)
        opened_ms = queue.incidents[-1].opened_ms if queue.incidents else now_ms
        alert = _alert(destination, "", f"{destination} can be notified again", "", opened_ms, ended_ms=now_ms)
        notification = notify(group, fallback.receiver, [], [alert], reason="recovered", now_ms=now_ms)
        queued = enqueue_resolved(queue, notification if fallback.send_resolved else None, now_ms)
        if queue.is_empty:
            draft.queues[queue.id] = None
        return queued

    def is_alarm(self, queue: DeliveryQueue) -> bool:
        """Whether a queue carries messages about a destination; they have no failover of their own."""
        return any(queue.group_id == _group_id(destination) for destination in self._fallback)


def _queue(draft: Draft, sick: str, fallback: Destination) -> DeliveryQueue:
    fresh = new_queue(_group_id(sick), fallback.id)
    queue = draft.queue(fresh.id)
    if queue is None:
        queue = draft.queues[fresh.id] = fresh
    return queue


def _group_id(destination: str) -> str:
    # The word is part of identities in stored states and at vendors: it stays.
    return digest("escalation", destination)


def _group(destination: str, now_ms: int) -> Group:
    """Not a group of the state: it has no alerts, timers or route, only a name on a message."""
    labels = {"alertname": ALERTNAME, "destination": destination}
    key = f'{{}}:{{alertname="{ALERTNAME}", destination="{destination}"}}'
    return Group(
        id=_group_id(destination), route_id="", key=key, labels=labels, created_ms=now_ms, next_flush_ms=now_ms
    )


def _given_up(letter: DeadDelivery, now_ms: int) -> Alert:
    text = (
        f"driftbell could not notify {letter.destination} and gave up after {letter.attempts} attempts "
        f"({letter.last_reason}): {letter.subject}"
    )
    return _alert(letter.destination, letter.delivery_id, text, letter.last_error, now_ms)


def _failing(queue: DeliveryQueue, row: Row, now_ms: int) -> Alert:
    text = (
        f"driftbell cannot notify {queue.destination} since {clock_time(row.since_ms)} "
        f"({row.last_reason}) and keeps trying: {subject(row.notification)}"
    )
    return _alert(queue.destination, row.incident_id, text, row.last_error, row.since_ms)


def _alert(
    destination: str, delivery: str, text: str, detail: str, started_ms: int, ended_ms: int | None = None
) -> Alert:
    labels = {"alertname": ALERTNAME, "destination": destination, "severity": "critical"}
    if delivery:
        labels["delivery"] = delivery
    annotations = {"summary": text}
    if detail:
        annotations["description"] = detail
    return Alert(
        id=digest("escalation", destination, str(started_ms)),
        fingerprint=fingerprint(labels),
        status="firing" if ended_ms is None else "resolved",
        labels=labels,
        annotations=annotations,
        startsAt=rfc3339(started_ms),
        endsAt=None if ended_ms is None else rfc3339(ended_ms),
        updatedAt=rfc3339(started_ms if ended_ms is None else ended_ms),
        episode=1,
        reason="notification_failed",
        evidence=Evidence(metric="notifications_failed"),
    )
