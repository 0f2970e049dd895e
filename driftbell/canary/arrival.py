"""From the router's saved state to how far the alert of a canary has come. Pure."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator

import msgspec

from driftbell.alerting.routing.routes import Node
from driftbell.alerting.state.records import DeliveryQueue, Entry, Group
from driftbell.alerting.state.state import State
from driftbell.schemas import Alert


class Arrival(enum.StrEnum):
    """Whether a hop was reached, or why not."""

    ARRIVED = "arrived"
    #: Kafka does not take it.
    NOT_PUBLISHED = "not_published"
    #: No checkpoint is past it.
    NOT_SAVED = "not_saved"
    #: The checkpoint is past it, and does not know its model: it became a dead letter.
    NOT_WATCHED = "not_watched"
    #: The router has not read the alert.
    NOT_READ = "not_read"
    #: Nothing was decided yet: ``group_wait`` is not over.
    GATHERING = "gathering"
    #: A silence, a time interval, another alert or an acknowledgement holds it back.
    HELD_BACK = "held_back"
    #: It waits for its channel, or the channel does not take it.
    WAITING = "waiting"
    #: The channel does not take it, and it is not tried again.
    GIVEN_UP = "given_up"
    #: Very many incidents wait there, and it is told together with them.
    STORM = "storm"
    #: Its receiver has no channel, or its route is not in this configuration.
    NO_CHANNEL = "no_channel"
    #: Another canary of the same model has begun.
    OVERTAKEN = "overtaken"
    #: It is over, and kept open as it begins and ends too often.
    FLAPPING = "flapping"
    #: It is over, and not closed at every channel yet.
    STILL_OPEN = "still_open"


class Reached(msgspec.Struct, frozen=True):
    """How far it has come at one place."""

    arrival: Arrival
    destination: str = ""
    detail: str = ""


def read(state: State, alert: Alert) -> Reached:
    """Whether the router knows that the alert fires."""
    entry = state.entries.get(alert.fingerprint)
    if entry is None or entry.episode < alert.episode:
        return Reached(Arrival.NOT_READ)
    if entry.episode > alert.episode:
        return _overtaken()
    return Reached(Arrival.ARRIVED)


def pages(state: State, tree: Node, alert: Alert) -> list[Reached]:
    """How far the page is at every channel that the alert's routes lead to; never empty.

    Args:
        state: with the alert's entry, its groups and their queues and timelines, and all destinations.
        tree: the routes of the configuration.
        alert: as it was published, firing.
    """
    entry = state.entries.get(alert.fingerprint)
    if entry is None:
        return [Reached(Arrival.NOT_READ)]
    if entry.episode > alert.episode:
        return [_overtaken()]
    nodes = {node.id: node for node in tree.walk()}
    found: list[Reached] = []
    for group_id in sorted(entry.groups):
        group = state.groups.get(group_id)
        if group is not None:
            found += _of_group(state, group, nodes.get(group.route_id), entry)
    return found or [Reached(Arrival.GATHERING, detail="it is in no group yet")]


def closed(state: State, groups: Collection[str], alert: Alert) -> Reached:
    """Whether nothing of the alert is open anywhere.

    Args:
        state: as for ``pages``.
        groups: the ids of the groups that the alert was in.
        alert: as it was published, firing.
    """
    entry = state.entries.get(alert.fingerprint)
    if entry is not None:
        if entry.episode > alert.episode:
            return _overtaken()
        if entry.status == "firing":
            return Reached(Arrival.NOT_READ, detail="the router has not read that it is over")
        if entry.flapping is not None and entry.groups:
            return Reached(
                Arrival.FLAPPING,
                detail="the canary runs so often that its alert flaps, and is kept open until it is quiet: run it less often "
                "(router.flapping)",
            )
        if entry.groups:
            return Reached(Arrival.STILL_OPEN, detail="its group was not looked at since (group_interval)")
    still = sorted({one for group_id in groups for one in _open_in(state, group_id, alert.fingerprint)})
    if still:
        return Reached(Arrival.STILL_OPEN, detail=f"open at {', '.join(still)}")
    return Reached(Arrival.ARRIVED)


def _overtaken() -> Reached:
    return Reached(
        Arrival.OVERTAKEN, detail="another canary has begun: run one at a time, or give each a --model of its own"
    )


def _of_group(state: State, group: Group, node: Node | None, entry: Entry) -> Iterator[Reached]:
    if node is None:
        yield Reached(
            Arrival.NO_CHANNEL,
            detail=f"it is in route {group.route_id}, which is not in this configuration: does the router have another one?",
        )
        return
    receiver = node.options.receiver
    known = [one for one in state.destinations.values() if one.receiver == receiver and not one.retired_ms]
    if not known:
        yield Reached(Arrival.NO_CHANNEL, detail=f"receiver {receiver} of route {node.id} has no channel")
    for destination in sorted(known, key=lambda one: one.label):
        arrival, detail = _at(state, group, destination.id, destination.label, entry)
        yield Reached(arrival, destination.label, detail)


def _at(state: State, group: Group, destination: str, label: str, entry: Entry) -> tuple[Arrival, str]:
    if destination in group.held:
        return Arrival.STORM, "very many incidents wait there, and are told together"
    last = group.log.get(destination)
    timeline = state.timelines.get(group.id)
    if last is None or entry.fingerprint not in last.firing:
        if timeline is not None and timeline.held_back:
            return Arrival.HELD_BACK, f"held back: {timeline.held_back}"
        return Arrival.GATHERING, "nothing was decided yet (group_wait, group_interval)"
    queue = next(
        (one for one in state.queues_of_group(group.id) if one.destination == destination and not one.stands_for), None
    )
    happenings = [] if timeline is None else [one for one in timeline.happenings if one.destination == label]
    said = f"{happenings[-1].what}: {happenings[-1].detail}" if happenings else ""
    if queue is not None and queue.rows:
        row = queue.rows[-1]
        tried = (
            f"{row.attempts} attempts, the last: {row.last_reason} {row.last_error}"
            if row.attempts
            else "not tried yet"
        )
        return Arrival.WAITING, tried.rstrip()
    if queue is None or not queue.incidents or queue.incidents[-1].delivered != "yes":
        return Arrival.GIVEN_UP, said
    return Arrival.ARRIVED, ""


def _open_in(state: State, group_id: str, fingerprint: str) -> Iterator[str]:
    """The names of the destinations at which something of a group is open that tells of the alert."""
    group = state.groups.get(group_id)
    for queue in state.queues_of_group(group_id):
        if not _is_told(queue, group, fingerprint):
            continue
        known = state.destinations.get(queue.destination)
        yield queue.destination if known is None else known.label


def _is_told(queue: DeliveryQueue, group: Group | None, fingerprint: str) -> bool:
    if group is None:
        return not queue.is_empty
    # Other alerts of the group keep its incident open: that this one is over has to be said, and taken.
    last = group.log.get(queue.destination)
    return bool(queue.rows) or (last is not None and fingerprint in last.firing)
