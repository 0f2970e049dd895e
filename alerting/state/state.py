"""The router's state in memory, and the draft in which one decision changes it before it is saved."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from driftbell.alerting.state.due_deliveries import DueDeliveries, Undelivered
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.alerting.state.posted_alerts.deadlines import Deadlines
from driftbell.alerting.state.records import (
    Acknowledgement,
    DeadDelivery,
    DeliveryQueue,
    Entry,
    Group,
    KnownDestination,
    Severity,
)
from driftbell.alerting.state.silence import Answer, Silence, Silences
from driftbell.alerting.state.timelines.timeline import Timeline
from driftbell.schemas import Alert

T = TypeVar("T", Entry, Group, DeliveryQueue, Timeline)

R = TypeVar("R", DeadDelivery, Answer, KnownDestination, Timeline)

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class _Saved(Protocol[V_co]):
    def get(self, key: str, /) -> V_co | None: ...


class State:
    """Everything the router knows, as last saved. Read it freely; change it through a ``Draft``."""

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        groups: Iterable[Group] = (),
        queues: Iterable[DeliveryQueue] = (),
        offsets: dict[int, int] | None = None,
        dead_deliveries: Iterable[DeadDelivery] = (),
        left_out: Sequence[str] = (),
        silences: Iterable[Silence] = (),
        answers: Iterable[Answer] = (),
        destinations: Iterable[KnownDestination] = (),
        timelines: Iterable[Timeline] = (),
    ) -> None:
        self.entries = {entry.fingerprint: entry for entry in entries}
        self.firing = FiringAlerts(self.entries.values())
        #: Of alerts that others post.
        self.deadlines = Deadlines(self.entries.values())
        self.groups = {group.id: group for group in groups}
        self.queues: dict[str, DeliveryQueue] = {}
        #: Next input offset by partition.
        self.offsets = dict(offsets or {})
        #: By delivery id.
        self.dead_deliveries = {letter.delivery_id: letter for letter in dead_deliveries}
        self.silences = Silences(silences)
        #: To commands, by their id.
        self.answers = {answer.id: answer for answer in answers}
        #: Of the configuration in force, and retired; by id.
        self.destinations = {one.id: one for one in destinations}
        #: By group.
        self.timelines = {one.id: one for one in timelines}
        #: What of the stored state could not be read: table and key.
        self.left_out = tuple(left_out)
        #: Grave messages that wait for their channel.
        self.undelivered = Undelivered(self.queues)
        self._queues_by_destination: dict[str, set[str]] = {}
        self._queues_by_group: dict[str, set[str]] = {}
        self._stand_ins: dict[str, set[str]] = {}
        self._due_deliveries: dict[str, DueDeliveries] = {}
        self._incidents: dict[str, set[str]] = {}
        self._unopened: dict[str, set[str]] = {}
        self._failing: dict[str, set[str]] = {}
        self._held: dict[str, list[set[str]]] = {}
        for group in self.groups.values():
            self._note_incident(group)
            self._note_held(group.id, group.held, group.held_rank)
        self._flushes: list[tuple[int, str]] = [(group.next_flush_ms, group.id) for group in self.groups.values()]
        heapq.heapify(self._flushes)
        for queue in queues:
            self._put_queue(queue)

    def due(self, now_ms: int) -> list[str]:
        """The ids of the groups whose flush is due, oldest first."""
        found: dict[str, None] = {}
        while self._flushes and self._flushes[0][0] <= now_ms:
            at_ms, group_id = heapq.heappop(self._flushes)
            group = self.groups.get(group_id)
            # A group that was flushed or brought forward since has another item in the heap.
            if group is not None and group.next_flush_ms == at_ms and group_id not in found:
                found[group_id] = None
        for group_id in found:
            # Until the flush is saved it stays due.
            heapq.heappush(self._flushes, (self.groups[group_id].next_flush_ms, group_id))
        return list(found)

    def next_flush_ms(self) -> int | None:
        """When the next flush is due; None when no group waits. Never later than the truth."""
        return self._flushes[0][0] if self._flushes else None

    def next_due(self, destination: str, now_ms: int) -> DeliveryQueue | None:
        """The queue of a destination whose first delivery is due and most urgent."""
        return self._due_of(destination).next(now_ms)

    def next_attempt_ms(self, destination: str) -> int | None:
        """When the next delivery of a destination is due that is not due yet; None when there is none."""
        return self._due_of(destination).next_ms()

    def queues_of(self, destination: str) -> Iterator[DeliveryQueue]:
        """The queues of one destination that have deliveries to make or incidents open."""
        for queue_id in self._queues_by_destination.get(destination, ()):
            yield self.queues[queue_id]

    def queues_of_group(self, group_id: str) -> Iterator[DeliveryQueue]:
        """The queues of one group, on whatever destination."""
        for queue_id in self._queues_by_group.get(group_id, ()):
            yield self.queues[queue_id]

    def stand_ins(self, queue_id: str) -> Iterable[str]:
        """The queues on fallbacks that speak in the place of one."""
        return self._stand_ins.get(queue_id, ())

    def incidents(self, base: str) -> Collection[str]:
        """The ids of the incidents that have their route and labels in common."""
        return self._incidents.get(base, ())

    def unopened_at(self, destination: str) -> Collection[str]:
        """The ids of the queues of a destination whose incident is still to be opened there."""
        return self._unopened.get(destination, ())

    def failing_at(self, destination: str) -> Collection[str]:
        """The ids of the queues of a destination with a message for which another one was used."""
        return self._failing.get(destination, ())

    def held_at(self, destination: str) -> Sequence[AbstractSet[str]]:
        """The ids of the groups that are told there together with very many others, by severity, critical ones first."""
        return self._held.get(destination, ())

    @property
    def holding(self) -> AbstractSet[str]:
        """The destinations at which there are any."""
        return self._held.keys()

    def apply(self, draft: Draft) -> None:
        """Take over what a saved draft changed."""
        for fingerprint, entry in draft.entries.items():
            self.firing.note(fingerprint, entry)
            self.deadlines.note(fingerprint, entry)
            if entry is None:
                self.entries.pop(fingerprint, None)
            else:
                self.entries[fingerprint] = entry
        for group_id, group in draft.groups.items():
            if group is None:
                self._note_held(group_id)
                self._forget_incident(self.groups.pop(group_id, None))
                continue
            self._note_held(group_id, group.held, group.held_rank)
            self.groups[group_id] = group
            self._note_incident(group)
            heapq.heappush(self._flushes, (group.next_flush_ms, group_id))
        for queue_id, queue in draft.queues.items():
            if queue is None:
                self._remove_queue(queue_id)
            else:
                self._put_queue(queue)
        _take_over(self.dead_deliveries, draft.dead_deliveries)
        _take_over(self.answers, draft.answers)
        _take_over(self.destinations, draft.destinations)
        _take_over(self.timelines, draft.timelines)
        for silence_id, silence in draft.silences.items():
            self.silences.note(silence_id, silence)
        self.offsets.update(draft.offsets)

    def _note_incident(self, group: Group) -> None:
        if group.base:
            self._incidents.setdefault(group.base, set()).add(group.id)

    def _forget_incident(self, group: Group | None) -> None:
        if group is None or not group.base:
            return
        self._incidents[group.base].discard(group.id)
        if not self._incidents[group.base]:
            del self._incidents[group.base]

    def _put_queue(self, queue: DeliveryQueue) -> None:
        known = self.queues.get(queue.id)
        if known is not None and (known.destination, known.group_id) != (queue.destination, queue.group_id):
            self._remove_queue(queue.id)
        self.queues[queue.id] = queue
        self._queues_by_group.setdefault(queue.group_id, set()).add(queue.id)
        self._queues_by_destination.setdefault(queue.destination, set()).add(queue.id)
        self._due_of(queue.destination).put(queue)
        for index, belongs in ((self._unopened, queue.is_unopened), (self._failing, queue.is_failing)):
            if belongs:
                index.setdefault(queue.destination, set()).add(queue.id)
            elif queue.destination in index:
                index[queue.destination].discard(queue.id)
        self.undelivered.put(queue)
        if queue.stands_for:
            self._stand_ins.setdefault(queue.stands_for, set()).add(queue.id)

    def _remove_queue(self, queue_id: str) -> None:
        gone = self.queues.pop(queue_id, None)
        if gone is None:
            return
        self._queues_by_destination[gone.destination].discard(queue_id)
        for index in (self._unopened, self._failing):
            if gone.destination in index:
                index[gone.destination].discard(queue_id)
        self._queues_by_group[gone.group_id].discard(queue_id)
        if not self._queues_by_group[gone.group_id]:
            del self._queues_by_group[gone.group_id]
        if gone.stands_for:
            self._stand_ins[gone.stands_for].discard(queue_id)
            if not self._stand_ins[gone.stands_for]:
                del self._stand_ins[gone.stands_for]

    def _note_held(self, group_id: str, held: Collection[str] = (), rank: int = 0) -> None:
        """Call it before the group takes the place of what was known of it."""
        before = known.held if (known := self.groups.get(group_id)) is not None else set()
        for destination in before & self._held.keys():
            for ids in self._held[destination]:
                ids.discard(group_id)
        for destination in held:
            self._held.setdefault(destination, [set() for _ in Severity])[rank].add(group_id)
        for destination in before & self._held.keys():
            if not any(self._held[destination]):
                del self._held[destination]

    def _due_of(self, destination: str) -> DueDeliveries:
        due = self._due_deliveries.get(destination)
        if due is None:
            due = self._due_deliveries[destination] = DueDeliveries(self.queues)
        return due


class Draft:
    """A set of changes on top of a state: what one decision (or one batch of records) makes of it.

    What a getter returns is a copy made on first use and may be changed. Nothing is visible in the state until
    ``State.apply``; dropping the draft undoes everything. None in a table means "deleted".
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries: dict[str, Entry | None] = {}
        self.groups: dict[str, Group | None] = {}
        self.queues: dict[str, DeliveryQueue | None] = {}
        self.offsets: dict[int, int] = {}
        self.dead_deliveries: dict[str, DeadDelivery | None] = {}
        self.silences: dict[str, Silence | None] = {}
        self.answers: dict[str, Answer | None] = {}
        self._opened: dict[str, list[str]] = {}
        self.destinations: dict[str, KnownDestination | None] = {}
        self.timelines: dict[str, Timeline | None] = {}

    def entry(self, fingerprint: str) -> Entry | None:
        """What is known of a fingerprint."""
        return _get(fingerprint, self.entries, self.state.entries)

    def entry_to_read(self, fingerprint: str) -> Entry | None:
        """What is known of a fingerprint, to be read only."""
        return _read(fingerprint, self.entries, self.state.entries)

    def alert(self, fingerprint: str) -> Alert | None:
        """The latest notifiable form of an alert, to be read only (no copy is made)."""
        entry = _read(fingerprint, self.entries, self.state.entries)
        return None if entry is None else entry.alert

    def alerts(self, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Those of which a notifiable form is known, by fingerprint, to be read only."""
        found = {fingerprint: self.alert(fingerprint) for fingerprint in fingerprints}
        return {fingerprint: alert for fingerprint, alert in found.items() if alert is not None}

    def acknowledgement(self, fingerprint: str) -> Acknowledgement | None:
        """Who has taken an alert on; also a snooze that is over."""
        entry = _read(fingerprint, self.entries, self.state.entries)
        return None if entry is None else entry.acknowledgement

    def group(self, group_id: str) -> Group | None:
        """A group."""
        return _get(group_id, self.groups, self.state.groups)

    def group_to_read(self, group_id: str) -> Group | None:
        """A group, to be read only."""
        return _read(group_id, self.groups, self.state.groups)

    def open(self, group: Group) -> None:
        """Add a new group."""
        self.groups[group.id] = group
        if group.base:
            self._opened.setdefault(group.base, []).append(group.id)

    def incidents(self, base: str) -> Iterator[Group]:
        """The incidents that have their route and labels in common, to be read only."""
        known = self.state.incidents(base)
        opened = (name for name in self._opened.get(base, ()) if name not in known)
        for group_id in itertools.chain(known, opened):
            group = self.group_to_read(group_id)
            if group is not None:
                yield group

    def silence(self, silence_id: str) -> Silence | None:
        """A silence; it is never changed, but replaced."""
        return _read(silence_id, self.silences, self.state.silences)

    def queue(self, queue_id: str) -> DeliveryQueue | None:
        """A queue."""
        return _get(queue_id, self.queues, self.state.queues)

    def queue_to_read(self, queue_id: str) -> DeliveryQueue | None:
        """A queue, to be read only."""
        return _read(queue_id, self.queues, self.state.queues)

    def timeline(self, group_id: str) -> Timeline | None:
        """What happened to a group."""
        return _get(group_id, self.timelines, self.state.timelines)

    def timeline_to_read(self, group_id: str) -> Timeline | None:
        """What happened to a group, to be read only."""
        return _read(group_id, self.timelines, self.state.timelines)

    def failing_at(self, destination: str) -> Iterator[DeliveryQueue]:
        """The queues of a destination with a message for which another one was used, to be read only."""
        for queue_id in self.state.failing_at(destination):
            if queue_id not in self.queues:
                yield self.state.queues[queue_id]
        for changed in self.queues.values():
            if changed is not None and changed.destination == destination and changed.is_failing:
                yield changed

    def unopened_at(self, destination: str, rank: int = len(Severity)) -> int:
        """How many incidents at least as grave are still to be opened at a destination, with those of this draft."""
        known = (self.queue_to_read(queue_id) for queue_id in self.state.unopened_at(destination))
        fresh = (one for one in self.queues.values() if one is not None and one.destination == destination)
        found = {one.id: one for one in (*known, *fresh) if one is not None and one.is_unopened}
        return sum(one.rank <= rank for one in found.values())

    def drop_if_empty(self, queue: DeliveryQueue) -> None:
        """Delete a queue of this draft that holds nothing any more."""
        if queue.is_empty:
            self.queues[queue.id] = None

    def queues_of(self, destination: str) -> Iterator[DeliveryQueue]:
        """The queues of one destination as the draft has them, to be read only."""
        for queue in self.state.queues_of(destination):
            if queue.id not in self.queues:
                yield queue
        for changed in self.queues.values():
            if changed is not None and changed.destination == destination:
                yield changed

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to save."""
        changed = (
            self.entries,
            self.groups,
            self.queues,
            self.offsets,
            self.dead_deliveries,
            self.silences,
            self.answers,
            self.destinations,
            self.timelines,
        )
        return not any(changed)


def _take_over(known: dict[str, R], changed: dict[str, R | None]) -> None:
    for key, record in changed.items():
        if record is None:
            known.pop(key, None)
        else:
            known[key] = record


def _read(key: str, changed: Mapping[str, V | None], saved: _Saved[V]) -> V | None:
    return changed[key] if key in changed else saved.get(key)


def _get(key: str, changed: dict[str, T | None], saved: dict[str, T]) -> T | None:
    if key in changed:
        return changed[key]
    found = saved.get(key)
    if found is None:
        return None
    copy: T = found.copy()
    changed[key] = copy
    return copy
