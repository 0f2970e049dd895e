"""A storm: where very many incidents wait for people, the others are told together and not one by one. Pure.

Somebody who gets a message a second for an hour reads none. What is held costs its channel nothing, so that the vendor's
limits leave room for what is open already; it is counted in one message (``driftbell.alerting.storms.digest``).
"""

from __future__ import annotations

import enum

from driftbell.alerting.outbox.delivery_queue import new_queue
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.state import Draft

#: The route of the groups that stand for digests: no route of a configuration is named so.
STORM_ROUTE = "#storm"

#: Incidents that wait to be opened at one destination; while there are as many, no other is queued there.
MAX_UNOPENED = 100

#: Held incidents that are shown one by one when the storm is over; while there are more, it is not.
MAX_RELEASED = 100

#: As few must wait to be opened before any are released.
CALM_UNOPENED = 10


class Holding(enum.StrEnum):
    """Whether an incident is held at a destination. The value is what tests assert."""

    #: It is open there, or about to be: what is opened is updated and closed.
    SHOWN = "shown"
    #: The destination takes what there is.
    CALM = "calm"
    #: A program reads there, and programs read everything.
    FOR_PROGRAMS = "for_programs"
    #: Too many wait there already.
    STORM = "storm"


def hold(draft: Draft, group: Group, destination: Destination, rank: int | None) -> Holding:
    """Decide for an incident, and note it on the group.

    Args:
        draft: to be read.
        group: is changed.
        destination: of the route.
        rank: the gravest severity of what is to be sent of it, 0 for critical; None: nothing that fires is.
    """
    holding = Holding.SHOWN if rank is None else _decide(draft, group, destination, rank)
    if rank is not None and holding is Holding.STORM:
        group.held.add(destination.id)
        group.held_rank = rank
    else:
        group.held.discard(destination.id)
    return holding


def _decide(draft: Draft, group: Group, destination: Destination, rank: int) -> Holding:
    if not destination.for_people:
        return Holding.FOR_PROGRAMS
    queue = draft.queue_to_read(new_queue(group.id, destination.id).id)
    if queue is not None and queue.incidents:
        return Holding.SHOWN
    # What is less grave takes no place away.
    if sum(map(len, draft.state.held_at(destination.id)[: rank + 1])) > MAX_RELEASED:
        return Holding.STORM
    if len(draft.state.unopened_at(destination.id)) + len(draft.queues) < MAX_UNOPENED:
        return Holding.CALM
    return Holding.STORM if draft.unopened_at(destination.id, rank) >= MAX_UNOPENED else Holding.CALM
