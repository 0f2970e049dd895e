"""A state of before destinations had identities: it knows them by their places, such as ``oncall/pagerduty[0]``."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.alerting.incidents.failover import alarm_group_id
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.state.records import KnownDestination
from driftbell.alerting.state.state import Draft, State


def old_names(state: State) -> set[str]:
    """The places by which an older version knows destinations in this state. No identity has a slash."""
    names = {queue.destination for queue in state.queues.values()}
    names |= {queue.via for queue in state.queues.values() if queue.via}
    names |= {name for group in state.groups.values() for name in group.log}
    return {name for name in names if "/" in name and name not in state.destinations}


def rename(draft: Draft, configured: Sequence[Destination], now_ms: int) -> None:
    """Give what an older version knows by place the identity that the configuration has at that place.

    What has no place there any more is remembered under its old name, as retired: nobody knows its address, so what is open
    there is told elsewhere. Ids of queues stay: vendors know incidents by them.
    """
    state = draft.state
    old = old_names(state)
    new = {one.label: one.id for one in configured if one.label in old and one.id != one.label}
    gone = {queue.destination for queue in state.queues.values()} & old - new.keys() - {one.id for one in configured}
    for name in sorted(gone):
        draft.destinations[name] = _unknown(name, now_ms)
    groups = {alarm_group_id(before): alarm_group_id(after) for before, after in new.items()}
    for saved in list(state.queues.values()):
        if {saved.destination, saved.via} & new.keys() or saved.group_id in groups:
            queue = draft.queue(saved.id)
            assert queue is not None
            queue.destination = new.get(queue.destination, queue.destination)
            queue.via = new.get(queue.via, queue.via)
            queue.group_id = groups.get(queue.group_id, queue.group_id)
    for saved_group in list(state.groups.values()):
        if saved_group.log.keys() & new.keys():
            group = draft.group(saved_group.id)
            assert group is not None
            group.log = {new.get(name, name): entry for name, entry in group.log.items()}


def _unknown(name: str, now_ms: int) -> KnownDestination:
    receiver, _, rest = name.rpartition("/")
    return KnownDestination(
        id=name,
        integration=rest.partition("[")[0],
        receiver=receiver,
        label=name,
        address=name,
        retired_ms=now_ms,
    )
