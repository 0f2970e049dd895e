"""Failover: a page that a destination does not take is opened on another one; people hear what is wrong with the first.

A page that fails for ``FAILOVER_MS``, tried or not, and one that is given up, is opened where people can be reached: as
the page itself, which says that it comes by way of the fallback, and is closed with its incident. Where the fallback shows
that group already, the message about the destination is enough. That message (one for each destination) is as severe as
what failed, and is closed when nothing waits there any more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from driftbell.alerting.incidents.given_up import reported
from driftbell.alerting.incidents.stand_ins import stand_in_of
from driftbell.alerting.outbox.delivery_queue import (
    Queued,
    Settlement,
    enqueue_firing,
    enqueue_resolved,
    kind_of,
    new_queue,
)
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Group, Kind, Notification, Row, Severity
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import clock_time, rfc3339
from driftbell.schemas import Alert, Evidence, fingerprint

ALERTNAME = "DriftbellNotificationFailed"

#: How long a message that must wake someone may fail, or wait for its turn, before another destination is used.
FAILOVER_MS = 60_000


#: Failing messages that one message about a destination counts at most: it is composed anew with each that joins.
MAX_NAMED = 1_000


class Failover:
    """Chooses the other destination: one of the same receiver first, then of the root's, then any."""

    def __init__(self, destinations: Sequence[Destination], root_receiver: str) -> None:
        self._destinations = {destination.id: destination for destination in destinations}
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
        self._alarms = {
            sick: new_queue(_group_id(sick), fallback.id).id
            for sick, fallback in self._fallback.items()
            if fallback is not None
        }
        self._alarm_groups = {_group_id(sick) for sick in self._fallback}

    def take_over(self, draft: Draft, overdue: Iterable[tuple[str, str]], now_ms: int) -> int:
        """Use other destinations for messages that have waited for too long: (queue, delivery). Returns for how many."""
        sick: dict[str, int] = {}
        for queue_id, delivery_id in overdue:
            queue = draft.queue(queue_id)
            row = None if queue is None else next((one for one in queue.rows if one.delivery_id == delivery_id), None)
            if queue is None or row is None or row.failed_over:
                continue
            # Noted also where it is no matter for another destination: it is not asked about again.
            row.failed_over = True
            if not self.is_alarm(queue) and _must_wake(kind_of(queue, row), row.notification, row.calls_again):
                sick[queue.destination] = sick.get(queue.destination, 0) + 1
                self._open_elsewhere(draft, queue, row.notification, now_ms)
        for destination in sick:
            self._alarm(draft, destination, None, now_ms)
        return sum(sick.values())

    def after_attempt(self, draft: Draft, queue: DeliveryQueue, settlement: Settlement, now_ms: int) -> None:
        """Report on another destination what was given up, and open there what must wake someone."""
        letter = settlement.dead_delivery
        if letter is None or self.is_alarm(queue):
            return
        notification = settlement.notification
        if notification is not None and _must_wake(letter.kind, notification, settlement.calls_again):
            self._open_elsewhere(draft, queue, notification, now_ms)
        if not reported(draft.state, letter):
            self._alarm(draft, queue.destination, letter, now_ms)

    def review(self, draft: Draft, now_ms: int, recovered: str = "") -> None:
        """Close the messages about destinations where nothing waits any more.

        Args:
            draft: changed where one is closed.
            now_ms: the router's clock.
            recovered: a destination that has just taken a message: one about it that nobody saw yet is not sent.
        """
        for sick, alarm_id in self._alarms.items():
            alarm = draft.queue_to_read(alarm_id)
            if alarm is None or not alarm.incidents:
                continue
            unseen = alarm.incidents[-1].delivered == "no"
            if (unseen and sick != recovered) or (alarm.rows and not unseen) or _is_ill(draft, sick):
                continue
            self._all_clear(draft, sick, now_ms)

    def close_orphans(self, draft: Draft, now_ms: int) -> None:
        """At a start: close the pages on fallbacks whose own destination or group is gone; nothing else ever would."""
        for saved in list(draft.state.queues.values()):
            fallback = self._destinations.get(saved.destination)
            if not saved.stands_for or fallback is None:
                continue
            if draft.group_to_read(saved.group_id) is not None and saved.via in self._destinations:
                continue
            stand_in = draft.queue(saved.id)
            assert stand_in is not None
            opened = stand_in.incidents[-1] if stand_in.incidents else None
            text = opened.subject if opened is not None else ""
            opened_ms = opened.opened_ms if opened is not None else now_ms
            alert = _alert(saved.via, "", text, "", Severity.INFO, opened_ms, ended_ms=now_ms)
            about = _group(saved.via, now_ms)
            notification = notify(about, fallback.receiver, [], [alert], reason="routing_changed", now_ms=now_ms)
            enqueue_resolved(stand_in, notification if fallback.send_resolved else None, now_ms)
            draft.drop_if_empty(stand_in)

    def is_alarm(self, queue: DeliveryQueue) -> bool:
        """Whether a queue carries messages about a destination; they have no failover of their own."""
        return queue.group_id in self._alarm_groups

    def _open_elsewhere(self, draft: Draft, queue: DeliveryQueue, notification: Notification, now_ms: int) -> None:
        fallback = self._fallback.get(queue.destination)
        if fallback is None or queue.stands_for:
            return
        if _shows(draft, new_queue(queue.group_id, fallback.id).id):
            return
        fresh = stand_in_of(queue, fallback.id)
        if _shows(draft, fresh.id):
            return
        draft.queues[fresh.id] = fresh
        passed_on = msgspec.structs.replace(notification, receiver=fallback.receiver, via=queue.destination)
        enqueue_firing(fresh, passed_on, subject(passed_on), now_ms)

    def _alarm(self, draft: Draft, destination: str, letter: DeadDelivery | None, now_ms: int) -> Queued | None:
        """Queue a message about a destination: what was given up there just now, and what fails there for too long."""
        fallback = self._fallback.get(destination)
        if fallback is None:
            return None
        alerts = [] if letter is None else [_given_up(letter, now_ms)]
        failing = ((queue, row) for queue in draft.queues_of(destination) for row in queue.rows if row.failed_over)
        alerts += [_failing(queue, row, now_ms) for queue, row in itertools.islice(failing, MAX_NAMED)]
        if not alerts:
            return None
        notification = notify(
            _group(destination, now_ms),
            fallback.receiver,
            alerts,
            [],
            reason="notification_failed",
            now_ms=now_ms,
        )
        return enqueue_firing(_queue(draft, destination, fallback), notification, subject(notification), now_ms)

    def _all_clear(self, draft: Draft, destination: str, now_ms: int) -> None:
        fallback = self._fallback[destination]
        assert fallback is not None
        queue = _queue(draft, destination, fallback)
        group = _group(destination, now_ms)
        opened_ms = queue.incidents[-1].opened_ms if queue.incidents else now_ms
        text = f"nothing waits for {destination} any more"
        alert = _alert(destination, "", text, "", Severity.INFO, opened_ms, ended_ms=now_ms)
        notification = notify(group, fallback.receiver, [], [alert], reason="recovered", now_ms=now_ms)
        enqueue_resolved(queue, notification if fallback.send_resolved else None, now_ms)
        draft.drop_if_empty(queue)


def _must_wake(kind: Kind, notification: Notification, calls_again: bool) -> bool:
    if notification.is_taken:
        return False
    return (kind is Kind.TRIGGER or calls_again) and notification.severity.rank <= Severity.ERROR.rank


def _shows(draft: Draft, queue_id: str) -> bool:
    """Whether a queue has an incident open, or about to be."""
    queue = draft.queue_to_read(queue_id)
    return queue is not None and bool(queue.incidents)


def _is_ill(draft: Draft, destination: str) -> bool:
    """Whether something waits for a destination, or a group of it has alerts that it was not told of."""
    if any(queue.rows for queue in draft.queues_of(destination)):
        return True
    # The mark that ``given_up.notify_again`` makes.
    groups = {**draft.state.groups, **draft.groups} if draft.groups else draft.state.groups
    found = (group.log.get(destination) for group in groups.values() if group is not None)
    return any(entry is not None and entry.at_ms == 0 and entry.firing for entry in found)


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
    # A state of before has no severity: then the worst is assumed.
    severity = Severity.of(letter.severity or Severity.CRITICAL)
    return _alert(letter.destination, letter.delivery_id, text, letter.last_error, severity, now_ms)


def _failing(queue: DeliveryQueue, row: Row, now_ms: int) -> Alert:
    why = f"({row.last_reason})" if row.last_reason else "(not tried yet, others are before it)"
    text = (
        f"driftbell cannot notify {queue.destination} since {clock_time(row.since_ms)} "
        f"{why} and keeps trying: {subject(row.notification)}"
    )
    severity = row.notification.severity
    return _alert(queue.destination, row.incident_id, text, row.last_error, severity, row.since_ms)


def _alert(
    destination: str,
    delivery: str,
    text: str,
    detail: str,
    severity: Severity,
    started_ms: int,
    ended_ms: int | None = None,
) -> Alert:
    labels = {"alertname": ALERTNAME, "destination": destination, "severity": severity.value}
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
