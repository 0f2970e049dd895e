"""The core of the router: which groups an alert is in, when a group is flushed, and what its destinations are sent.

Pure: it changes a ``Draft`` and returns what it decided. Time is an argument, epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from driftbell.alerting.incidents.correlation import leave, log_joining, note, place, right_groups
from driftbell.alerting.incidents.decision import (
    Decision,
    DecisionReason,
    needs_update,
    with_flapping,
    with_taken,
    with_waiting,
)
from driftbell.alerting.incidents.observation import Observation, judge
from driftbell.alerting.incidents.several import of_several, take_in
from driftbell.alerting.incidents.stand_ins import follow
from driftbell.alerting.life.escalation import arm, called_ms, due_ms, escalate, is_to_be_reminded, receivers, waits
from driftbell.alerting.life.flapping import NO_DAMPING, FlappingRule, flapping_of, quiet_ms, shown_of
from driftbell.alerting.life.holding import STORM_ROUTE, Holding, hold
from driftbell.alerting.life.taken import Taken
from driftbell.alerting.life.timelines import forget_timelines
from driftbell.alerting.muting.muter import MuteContext, Muted, Muter, muted
from driftbell.alerting.muting.silence_rules import forget
from driftbell.alerting.outbox.delivery_queue import Queued, enqueue_firing, enqueue_resolved, queue_of
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.rendering.notification import notify, without_resolved, worst
from driftbell.alerting.routing.routes import Node, group_id
from driftbell.alerting.state.posted_alerts.posted import Posted
from driftbell.alerting.state.records import Entry, Flapping, Group, LogEntry
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import rfc3339, to_ms
from driftbell.schemas import Alert

#: How long the router remembers that an episode is over, to know a late repetition of it; Alertmanager's retention.
RETENTION_MS = 120 * 3_600_000


class Dispatch:
    """The rules: a routing tree, the destinations behind each receiver, and the muters."""

    def __init__(
        self,
        tree: Node,
        destinations: Sequence[Destination],
        muters: Sequence[Muter] = (),
        external_url: str = "",
        flapping: FlappingRule = NO_DAMPING,
    ) -> None:
        self.tree = tree
        self.destinations = {destination.id: destination for destination in destinations}
        self._by_receiver: dict[str, list[Destination]] = {}
        for destination in (one for one in destinations if not one.retired):
            self._by_receiver.setdefault(destination.receiver, []).append(destination)
        self._nodes = {node.id: node for node in tree.walk()}
        self._muters = muters
        self.external_url = external_url
        self._flapping = flapping

    def apply(self, draft: Draft, alert: Alert, now_ms: int, *, posted: Posted | None = None) -> Observation:
        """Take one alert record in; ``posted``: of an alert that others post, all that they said of it.

        Raises:
            ValueError: a timestamp of the record is not RFC 3339.
        """
        updated_ms = to_ms(alert.updatedAt)
        to_ms(alert.startsAt)
        if alert.endsAt is not None:
            to_ms(alert.endsAt)
        entry = draft.entry(alert.fingerprint)
        if posted is None and entry is not None and entry.posted is not None:
            # One of driftbell's own with the same labels: from here on its worker says what it does.
            entry.posted, entry.episode, entry.status = None, 0, "pending"
        several = of_several(entry, alert)
        observation = judge(entry, alert)
        if not several and not observation.changes:
            return observation
        if entry is None:
            entry = Entry(fingerprint=alert.fingerprint, episode=0, status="pending", updated_ms=0)
            draft.entries[alert.fingerprint] = entry
        if several:
            observation = take_in(entry, alert, updated_ms)
        elif observation is Observation.SUPERSEDED and entry.alert is not None:
            entry.alert = msgspec.structs.replace(entry.alert, status="resolved", endsAt=alert.startsAt)
        elif observation in (Observation.FIRING, Observation.RESOLVED) or (
            observation is Observation.REFRESHED and entry.alert is not None
        ):
            entry.alert = alert
        if not several:
            entry.episode, entry.status, entry.updated_ms = alert.episode, alert.status, updated_ms
        entry.seen_ms, entry.posted = now_ms, posted
        if observation is Observation.FIRING:
            if entry.groups:
                # It was over when the configuration changed, and is a group's of before until that tells so.
                wanted = {group_id(node, labels) for node, labels in self._routed(alert)}
                self._leave(draft, entry, right_groups(draft, entry, wanted)[0], now_ms)
            entry.fired_ms = updated_ms if posted is None else posted.starts_ms
            self._flapping.fired(entry, updated_ms)
            self._insert(draft, entry, alert, now_ms)
        elif observation in (Observation.RESOLVED, Observation.SUPERSEDED):
            self._flapping.ended(entry, updated_ms)
        return observation

    def flush(self, draft: Draft, group_id: str, now_ms: int) -> list[Decision]:
        """Flush a group whose time has come: queue what its destinations have to be sent.

        What mutes sees the alerts as they were when the draft was begun: records are taken in by a draft of their own.
        """
        group = draft.group(group_id)
        if group is None:
            return []
        node = self._nodes.get(group.route_id)
        alerts = shown_of(draft, group.members, now_ms)
        state = draft.state
        context = MuteContext(node, group, state.firing, now_ms, state.silences, acknowledgement=draft.acknowledgement)
        mutes = {fingerprint: muted(self._muters, alert, context) for fingerprint, alert in alerts.items()}
        held = {fingerprint for fingerprint, mute in mutes.items() if mute}
        called = escalate(group, node, now_ms) if waits(group, alerts, held) else []
        decisions = [
            self._decide(draft, group, node, destination, alerts, mutes, now_ms, called)
            for destination in self._destinations_of(group, node)
        ]
        group.flushed = True
        # Armed again from now, not from when it was due: after a pause overdue flushes happen once, not n times.
        group.next_flush_ms = now_ms + (node.options.group_interval_ms if node else 0)
        # What is held back goes out when the mute ends, not up to a group_interval later.
        ends = [mute.changes_ms for mute in mutes.values() if mute and mute.changes_ms is not None]
        ends += quiet_ms(draft, group.members, now_ms)
        group.next_flush_ms = min([group.next_flush_ms, *(end_ms for end_ms in ends if end_ms > now_ms)])
        arm(group, node, waits(group, alerts, held), now_ms)
        for fingerprint in list(group.members):
            alert = alerts.get(fingerprint)
            # A route that is gone keeps nobody: what fires is where it belongs by now.
            if alert is None or alert.status == "resolved" or node is None:
                self._remove(draft, group, fingerprint)
        if not group.members:
            draft.groups[group_id] = None
        return decisions

    def reconcile(self, draft: Draft, now_ms: int) -> None:
        """After a change of configuration: move every firing alert to the groups it now belongs to.

        Timers of groups that still exist go on. A group that lost an alert is flushed now, so that an incident that
        was opened through a route or receiver that is gone is closed there.
        """
        for fingerprint in list(draft.state.entries):
            known = draft.state.entries[fingerprint]
            if known.alert is None or known.alert.status != "firing":
                continue
            wanted = {group_id(node, labels) for node, labels in self._routed(known.alert)}
            right, missing = right_groups(draft, known, wanted)
            if not missing and right == known.groups:
                continue
            entry = draft.entry(fingerprint)
            assert entry is not None
            assert entry.alert is not None
            self._leave(draft, entry, right, now_ms)
            self._insert(draft, entry, entry.alert, now_ms, only=missing)
        for saved in list(draft.state.groups.values()):
            if saved.route_id == STORM_ROUTE:
                continue
            node = self._nodes.get(saved.route_id)
            current = {destination.id for destination in self._destinations(saved, node)}
            is_right = node is not None and {name for name, entry in saved.log.items() if entry.firing} <= current
            step_ms = due_ms(saved, node) if is_right else now_ms
            group = draft.group(saved.id) if step_ms is not None and step_ms < saved.next_flush_ms else None
            if group is not None and step_ms is not None:
                group.next_flush_ms = min(group.next_flush_ms, step_ms)

    def _leave(self, draft: Draft, entry: Entry, right: AbstractSet[str], now_ms: int) -> None:
        for old in entry.groups - right:
            group = draft.group(old)
            if group is not None:
                self._remove(draft, group, entry.fingerprint)
                group.next_flush_ms = now_ms
        entry.groups &= right

    def prune(self, draft: Draft, now_ms: int) -> int:
        """Forget alerts and silences that are long over. Returns how many alerts."""
        forget(draft, now_ms)
        forget_timelines(draft, now_ms)
        old = [
            entry.fingerprint
            for entry in draft.state.entries.values()
            if not entry.groups and entry.status != "firing" and entry.seen_ms < now_ms - RETENTION_MS
        ]
        for fingerprint in old:
            draft.entries[fingerprint] = None
        return len(old)

    def _routed(self, alert: Alert) -> list[tuple[Node, dict[str, str]]]:
        return [(node, node.options.group_labels(alert.labels)) for node in self.tree.match(alert.labels)]

    def _insert(
        self, draft: Draft, entry: Entry, alert: Alert, now_ms: int, only: AbstractSet[str] | None = None
    ) -> None:
        fired_ms = entry.fired_ms or to_ms(alert.startsAt)
        for node, labels in self._routed(alert):
            if only is not None and group_id(node, labels) not in only:
                continue
            placement = place(draft, node, labels, alert, fired_ms)
            group = draft.group(placement.group_id)
            if group is None:
                wait_ms = node.options.group_wait_ms
                # An alert that has fired for longer than group_wait has waited enough (Alertmanager does so too; its
                # ``startsAt`` is when the alert fired, ours is when the condition of ``for`` was first seen).
                due_ms = now_ms if fired_ms + wait_ms < now_ms else now_ms + wait_ms
                group = Group(
                    id=placement.group_id,
                    route_id=node.id,
                    key=placement.key,
                    labels=labels,
                    created_ms=now_ms,
                    next_flush_ms=due_ms,
                    base=placement.base,
                )
                draft.open(group)
            else:
                told = [last.worst for last in group.log.values() if last.firing and last.worst is not msgspec.UNSET]
                # What is more severe than anything that people were told does not wait for group_interval.
                if worst([alert]) < min(told, default=-1):
                    group.next_flush_ms = min(group.next_flush_ms, now_ms)
            group.members.add(entry.fingerprint)
            entry.groups.add(group.id)
            if group.base:
                note(group, alert, fired_ms)
                log_joining(placement, group, entry)

    def _remove(self, draft: Draft, group: Group, fingerprint: str) -> None:
        group.members.discard(fingerprint)
        entry = draft.entry(fingerprint)
        if entry is None:
            return
        leave(group, fingerprint, entry.episode)
        entry.groups.discard(group.id)
        if not entry.groups and entry.alert is not None and entry.alert.status == "resolved":
            # What is over everywhere need not be kept whole; that it is over is remembered.
            entry.alert = None

    def _destinations(self, group: Group, node: Node | None) -> list[Destination]:
        """Those of the route's receiver, then those of the receivers that an escalation has reached."""
        if node is None:
            return []
        names = dict.fromkeys([node.options.receiver, *receivers(group, node.options.escalate)])
        return [destination for name in names for destination in self._by_receiver.get(name, [])]

    def _destinations_of(self, group: Group, node: Node | None) -> list[Destination]:
        """The destinations of the group's route, then those that were notified of it under an older configuration."""
        current = self._destinations(group, node)
        ids = {destination.id for destination in current}
        older = [
            self.destinations[name]
            for name, entry in group.log.items()
            if entry.firing and name not in ids and name in self.destinations
        ]
        return [*current, *older]

    def _decide(
        self,
        draft: Draft,
        group: Group,
        node: Node | None,
        destination: Destination,
        alerts: Mapping[str, Alert],
        mutes: Mapping[str, Muted],
        now_ms: int,
        called: Sequence[str] = (),
    ) -> Decision:
        last = group.log.get(destination.id)
        notified = last.firing if last else frozenset()
        is_current = destination in self._destinations(group, node)
        firing: dict[str, Alert] = {}
        resolved: dict[str, Alert] = {}
        held_back: dict[str, Muted] = {}
        for fingerprint, alert in alerts.items():
            mute = mutes[fingerprint]
            # A resolve that the channel waits for passes whatever mutes.
            held = bool(mute) and (alert.status == "firing" or fingerprint not in notified)
            if held:
                held_back[fingerprint] = mute
            if alert.status == "resolved":
                if not held:
                    resolved[fingerprint] = alert
            elif is_current and (not held or fingerprint in notified):
                firing[fingerprint] = alert
        reason = needs_update(
            last,
            firing.keys(),
            resolved.keys(),
            send_resolved=destination.send_resolved,
            repeat_ms=node.options.repeat_interval_ms if node else 0,
            now_ms=now_ms,
        )
        if reason.says_the_same and firing.keys() <= held_back.keys():
            reason = DecisionReason.UP_TO_DATE
        if reason is DecisionReason.ALL_RESOLVED and not resolved:
            reason = DecisionReason.ROUTING_CHANGED
            resolved = {name: _closed(alert, now_ms) for name, alert in draft.alerts(notified).items()}
        taken = Taken.of(draft, firing, last, now_ms)
        flapping = flapping_of(draft, firing)
        reason = with_flapping(with_taken(reason, taken), last, flapping.keys())
        if node is not None and not firing.keys() <= held_back.keys():
            reason = with_waiting(
                reason,
                escalated=destination.receiver in called,
                reminder=is_to_be_reminded(last, node.options.remind_ms, now_ms),
            )
        rank = worst(firing.values()) if reason.sends and firing else None
        if hold(draft, group, destination, rank) is Holding.STORM:
            reason = DecisionReason.STORM
        queued = None
        if reason.sends:
            risen = bool(firing) and worst(firing.values()) < worst(draft.alerts(notified).values())
            calls_again = risen or taken.calls_again or reason.calls_again
            queued = self._queue(
                draft,
                group,
                destination,
                list(firing.values()),
                list(resolved.values()),
                reason,
                now_ms,
                last,
                calls_again=calls_again,
                taken=taken,
                flapping=next(iter(flapping.values()), None),
            )
            before_ms = msgspec.UNSET if last is None else called_ms(last)
            group.log[destination.id] = LogEntry(
                at_ms=now_ms,
                firing=frozenset(firing),
                resolved=frozenset(resolved),
                worst=worst(firing.values()) if firing else msgspec.UNSET,
                acknowledged=frozenset(taken.now) or msgspec.UNSET,
                flapping=frozenset(flapping) or msgspec.UNSET,
                called_ms=now_ms if calls_again or reason is DecisionReason.FIRST_NOTIFICATION else before_ms,
            )
        return Decision(
            group.id,
            group.key,
            destination.id,
            reason,
            queued,
            len(firing),
            len(resolved),
            held_back,
            now_ms - group.created_ms,
        )

    def _queue(
        self,
        draft: Draft,
        group: Group,
        destination: Destination,
        firing: Sequence[Alert],
        resolved: Sequence[Alert],
        reason: DecisionReason,
        now_ms: int,
        last: LogEntry | None,
        *,
        calls_again: bool,
        taken: Taken,
        flapping: Flapping | None,
    ) -> Queued:
        queue = queue_of(draft, group.id, destination.id)
        notification = notify(
            group,
            destination.receiver,
            firing,
            resolved,
            reason=reason,
            now_ms=now_ms,
            external_url=self.external_url,
            told=last,
        )
        notification = msgspec.structs.replace(taken.told(notification), flapping=flapping)
        if reason.calls_again:
            notification = msgspec.structs.replace(notification, waiting_ms=group.waiting_ms)
        if firing:
            if not destination.send_resolved:
                notification = without_resolved(notification)
            queued = enqueue_firing(queue, notification, subject(notification), now_ms, calls_again=calls_again)
        else:
            queued = enqueue_resolved(queue, notification if destination.send_resolved else None, now_ms)
        draft.drop_if_empty(queue)
        if not reason.says_the_same:
            follow(draft, queue.id, notification, self.destinations, now_ms, calls_again=calls_again)
        return queued


def _closed(alert: Alert, now_ms: int) -> Alert:
    return msgspec.structs.replace(alert, status="resolved", endsAt=rfc3339(now_ms))
