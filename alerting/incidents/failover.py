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

from driftbell.alerting.incidents.decision import GIVEN_UP_MS
from driftbell.alerting.incidents.given_up import reported
from driftbell.alerting.incidents.orphans import orphans
from driftbell.alerting.incidents.stand_ins import stand_in_of
from driftbell.alerting.life.holding import MAX_UNOPENED
from driftbell.alerting.outbox.delivery_queue import (
    Queued,
    Settlement,
    enqueue_firing,
    enqueue_resolved,
    kind_of,
    new_queue,
    queue_of,
)
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import ABOUT_US, subject
from driftbell.alerting.rendering.notification import MAX_ALERTS, notify
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Group, Kind, Notification, Row, Severity
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import clock_time, rfc3339
from driftbell.schemas import Alert, Evidence, fingerprint

ALERTNAME = "DriftbellNotificationFailed"

#: How long a message that must wake someone may fail, or wait for its turn, before another destination is used.
FAILOVER_MS = 60_000


#: Failing messages that one message about a destination counts at most: it is composed anew with each that joins.
MAX_COUNTED = 1_000


class Failover:
    """Chooses the other destination: one of the same receiver first, then of the root's, then any."""

    def __init__(self, destinations: Sequence[Destination], root_receiver: str) -> None:
        self._destinations = {destination.id: destination for destination in destinations}
        self._fallback: dict[str, Destination | None] = {}
        for sick in destinations:
            others = [other for other in destinations if other.id != sick.id and other.pages and not other.retired]
            # Another kind of channel is less likely to be ill of the same thing.
            others.sort(
                key=lambda other: (
                    other.receiver != sick.receiver,
                    other.receiver != root_receiver,
                    other.integration == sick.integration,
                )
            )
            self._fallback[sick.id] = others[0] if others else None
        self._alarm_groups = {alarm_group_id(sick) for sick in self._fallback}

    def take_over(self, draft: Draft, overdue: Iterable[tuple[str, str]], now_ms: int, *, tells: bool = True) -> int:
        """Use other destinations for messages that have waited for too long: (queue, delivery). Returns for how many.

        ``tells``: whether what is wrong with the destinations is said, too. In a storm the first and the last of very many
        calls do, as it is composed anew each time.
        """
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
        for destination in sick if tells else ():
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
        # Once more after each that was closed: it may have been all that waited for another destination.
        while self._review(draft, now_ms, recovered):
            pass

    def _review(self, draft: Draft, now_ms: int, recovered: str) -> bool:
        closed = False
        for sick in self._destinations.values():
            for alarm in self._alarms(draft, sick.id):
                unseen = alarm.incidents[-1].delivered == "no"
                if (unseen and sick.id != recovered) or (alarm.rows and not unseen) or _is_ill(draft, sick.id):
                    continue
                self._all_clear(draft, alarm, sick, now_ms)
                closed = True
        return closed

    def close_orphans(self, draft: Draft, now_ms: int) -> None:
        """At a start: close what is open though its group or, of a page on a fallback, its own destination is gone."""
        lost = [queue for queue in orphans(draft, self._destinations) if not self.is_alarm(queue)]
        for saved in lost:
            there = self._destinations.get(saved.destination)
            queue = draft.queue(saved.id)
            if there is None or queue is None:
                continue
            opened, about = queue.incidents[-1], saved.via or saved.destination
            label = self._label(about)
            alert = _alert(label, "", opened.subject, "", Severity.INFO, opened.opened_ms, ended_ms=now_ms)
            group = _group(about, label, now_ms)
            notification = notify(group, there.receiver, [], [alert], reason="routing_changed", now_ms=now_ms)
            enqueue_resolved(queue, notification if there.send_resolved else None, now_ms)
            draft.drop_if_empty(queue)

    def _alarms(self, draft: Draft, sick: str) -> list[DeliveryQueue]:
        """The open messages about a destination, on whatever fallback it had when each was opened; to be read only."""
        group_id, fallback = alarm_group_id(sick), self._fallback[sick]
        ids = dict.fromkeys(queue.id for queue in draft.state.queues_of_group(group_id))
        if fallback is not None:
            ids.setdefault(new_queue(group_id, fallback.id).id)
        found = (draft.queue_to_read(queue_id) for queue_id in ids)
        return [queue for queue in found if queue is not None and queue.incidents]

    def is_alarm(self, queue: DeliveryQueue) -> bool:
        """Whether a queue carries messages about a destination; they have no failover of their own."""
        return queue.group_id in self._alarm_groups

    def _open_elsewhere(self, draft: Draft, queue: DeliveryQueue, notification: Notification, now_ms: int) -> None:
        fallback = self._fallback.get(queue.destination)
        if fallback is None or queue.stands_for:
            return
        fresh = stand_in_of(queue, fallback.id)
        there = draft.state.queues_of_group(queue.group_id)
        shown = [one.id for one in there if one.destination == fallback.id and one.stands_for in ("", queue.id)]
        if any(_shows(draft, one) for one in (*shown, fresh.id, new_queue(queue.group_id, fallback.id).id)):
            return
        if fallback.for_people and draft.unopened_at(fallback.id) >= MAX_UNOPENED:
            # The message about the destination counts it: nobody reads hundreds.
            return
        draft.queues[fresh.id] = fresh
        via = self._label(queue.destination)
        passed_on = msgspec.structs.replace(notification, receiver=fallback.receiver, via=via)
        enqueue_firing(fresh, passed_on, subject(passed_on), now_ms)

    def _alarm(self, draft: Draft, destination: str, letter: DeadDelivery | None, now_ms: int) -> Queued | None:
        """Queue a message about a destination: what was given up there just now, and what fails there for too long."""
        fallback = self._fallback.get(destination)
        if fallback is None:
            return None
        alerts = [] if letter is None else [_given_up(letter, now_ms)]
        failing = (row for queue in draft.failing_at(destination) for row in queue.rows if row.failed_over)
        rows = sorted(itertools.islice(failing, MAX_COUNTED), key=lambda row: row.notification.severity.rank)
        label = self._label(destination)
        # A notification carries no more, and the others are only counted.
        alerts += [_failing(label, row, now_ms) for row in rows[:MAX_ALERTS]]
        if not alerts:
            return None
        notification = notify(
            _group(destination, label, now_ms),
            fallback.receiver,
            alerts,
            [],
            reason=ABOUT_US,
            now_ms=now_ms,
        )
        notification = msgspec.structs.replace(notification, firing=len(alerts) + max(0, len(rows) - MAX_ALERTS))
        shown = self._alarms(draft, destination)
        # Where people see one already, it goes on: a change of the configuration may have made another the fallback.
        at = shown[0].destination if shown else fallback.id
        queue = queue_of(draft, alarm_group_id(destination), at)
        return enqueue_firing(queue, notification, subject(notification), now_ms)

    def _all_clear(self, draft: Draft, alarm: DeliveryQueue, sick: Destination, now_ms: int) -> None:
        queue, fallback = draft.queue(alarm.id), self._destinations.get(alarm.destination)
        if queue is None or fallback is None:
            return
        group = _group(sick.id, sick.label, now_ms)
        text = f"nothing waits for {sick.label} any more"
        alert = _alert(sick.label, "", text, "", Severity.INFO, queue.incidents[-1].opened_ms, ended_ms=now_ms)
        notification = notify(group, fallback.receiver, [], [alert], reason="recovered", now_ms=now_ms)
        enqueue_resolved(queue, notification if fallback.send_resolved else None, now_ms)
        draft.drop_if_empty(queue)

    def _label(self, destination: str) -> str:
        known = self._destinations.get(destination)
        return destination if known is None else known.label


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
    return any(entry is not None and entry.at_ms == GIVEN_UP_MS and entry.firing for entry in found)


def alarm_group_id(destination: str) -> str:
    """The group of the messages about a destination, by its id."""
    # The word is part of identities in stored states and at vendors: it stays.
    return digest("escalation", destination)


def _group(destination: str, label: str, now_ms: int) -> Group:
    """Not a group of the state: it has no alerts, timers or route, only a name on a message."""
    labels = {"alertname": ALERTNAME, "destination": label}
    key = f'{{}}:{{alertname="{ALERTNAME}", destination="{label}"}}'
    return Group(
        id=alarm_group_id(destination), route_id="", key=key, labels=labels, created_ms=now_ms, next_flush_ms=now_ms
    )


def _given_up(letter: DeadDelivery, now_ms: int) -> Alert:
    attempts = f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"
    text = (
        f"driftbell could not notify {letter.destination} and gave up after {attempts} "
        f"({letter.last_reason}): {letter.subject}"
    )
    # A state of before has no severity: then the worst is assumed.
    severity = Severity.of(letter.severity or Severity.CRITICAL)
    return _alert(letter.destination, letter.delivery_id, text, letter.last_error, severity, now_ms)


def _failing(label: str, row: Row, now_ms: int) -> Alert:
    why = f"({row.last_reason})" if row.last_reason else "(not tried yet, others are before it)"
    text = (
        f"driftbell cannot notify {label} since {clock_time(row.since_ms)} "
        f"{why} and keeps trying: {subject(row.notification)}"
    )
    severity = row.notification.severity
    return _alert(label, row.incident_id, text, row.last_error, severity, row.since_ms)


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
