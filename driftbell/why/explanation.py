"""From the router's saved state to why an alert was sent where, or was not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from driftbell.alerting.life.acknowledging import group_of
from driftbell.alerting.life.timelines import of_alert
from driftbell.alerting.muting.muter import MuteContext, Muter, muted
from driftbell.alerting.outbox.delivery_queue import kind_of
from driftbell.alerting.routing.routes import Node
from driftbell.alerting.state.records import Acknowledgement, Entry, Group
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.timelines.timeline import Timeline
from driftbell.schemas import Alert


class Waiting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message that a channel has not taken yet."""

    kind: str
    attempts: int
    next_attempt_ms: int
    last_reason: str = ""
    last_error: str = ""


class Told(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one destination knows of the alert's group."""

    destination: str
    #: When it was last sent something; 0: never.
    sent_ms: int = 0
    #: Whether that said that this alert fires.
    knows: bool = False
    #: Since when an incident is open there, or about to be; 0: none is.
    open_ms: int = 0
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    #: The destination in whose place this one speaks.
    in_place_of: str = ""


class HeldBack(msgspec.Struct):
    """What holds the alert back now."""

    kind: str
    by: list[str]


class Place(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One group that the alert is in."""

    #: Its id: what ``driftbell ack`` takes as well.
    group: str
    group_key: str
    route: str
    #: Empty: the route is gone from the configuration.
    receiver: str
    #: When it is looked at next.
    next_ms: int
    alerts: int
    held_back: list[HeldBack] = msgspec.field(default_factory=list)
    told: list[Told] = msgspec.field(default_factory=list)
    #: The receivers of the steps of its escalation that were reached.
    escalated_to: list[str] = msgspec.field(default_factory=list)


class Explanation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that the router knows of one alert."""

    asked: str
    #: ``firing``, ``resolved``, ``pending``; empty: the router does not know it (any more).
    status: str = ""
    episode: int = 0
    alert: Alert | None = None
    acknowledgement: Acknowledgement | None = None
    places: list[Place] = msgspec.field(default_factory=list)
    timelines: list[Timeline] = msgspec.field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.status or self.timelines)


def explain(state: State, tree: Node, muters: Sequence[Muter], asked: str, now_ms: int) -> Explanation:
    """Why an alert was sent where, or was not.

    Args:
        state: as it was last saved.
        tree: the routes of the configuration.
        muters: of the configuration.
        asked: what ``driftbell ack`` takes: a fingerprint, the id of a group or an incident, a vendor's key of an incident.
        now_ms: epoch milliseconds.
    """
    entry = state.entries.get(asked)
    meant = None if entry is not None else group_of(state, asked)
    explanation = Explanation(
        asked=asked, timelines=of_alert(state.timelines.values(), asked if meant is None else meant.id)
    )
    group_ids = set() if meant is None else {meant.id}
    if entry is not None:
        explanation.status, explanation.episode, explanation.alert = entry.status, entry.episode, entry.alert
        explanation.acknowledgement = entry.acknowledgement
        group_ids |= entry.groups
    elif group_ids:
        explanation.status = "firing"
    nodes = {node.id: node for node in tree.walk()}
    draft = Draft(state)
    for group_id in sorted(group_ids):
        group = state.groups.get(group_id)
        if group is not None:
            node = nodes.get(group.route_id)
            context = MuteContext(node, group, state.firing, now_ms, state.silences, draft.acknowledgement)
            explanation.places.append(_place(state, group, node, entry, muters, context))
    return explanation


def _place(
    state: State, group: Group, node: Node | None, entry: Entry | None, muters: Sequence[Muter], context: MuteContext
) -> Place:
    held_back: list[HeldBack] = []
    if entry is not None and entry.alert is not None and entry.alert.status == "firing":
        held_back = [HeldBack(one.kind.value, list(one.ids)) for one in muted(muters, entry.alert, context).by]
    return Place(
        group=group.id,
        group_key=group.key,
        route=group.route_id,
        receiver="" if node is None else node.options.receiver,
        next_ms=group.next_flush_ms,
        alerts=len(group.members),
        held_back=held_back,
        told=list(_told(state, group, entry)),
        escalated_to=list(group.escalated_to),
    )


def _told(state: State, group: Group, entry: Entry | None) -> Iterator[Told]:
    queues = {queue.destination: queue for queue in state.queues.values() if queue.group_id == group.id}
    for destination in sorted({*group.log, *queues}):
        last, queue = group.log.get(destination), queues.get(destination)
        told = Told(destination=_label(state, destination))
        if last is not None:
            told.sent_ms = last.at_ms
            told.knows = entry is not None and entry.fingerprint in last.firing
        if queue is not None:
            told.open_ms = queue.incidents[-1].opened_ms if queue.incidents else 0
            told.in_place_of = _label(state, queue.via) if queue.via else ""
            told.waiting = [
                Waiting(
                    kind=kind_of(queue, row).value,
                    attempts=row.attempts,
                    next_attempt_ms=row.next_attempt_ms,
                    last_reason=row.last_reason,
                    last_error=row.last_error,
                )
                for row in queue.rows
            ]
        yield told


def _label(state: State, destination: str) -> str:
    known = state.destinations.get(destination)
    return destination if known is None else known.label
