"""What fires at one destination: the alerts that were opened there and are not over, whatever mutes them now."""

from __future__ import annotations

from driftbell.alerting.state.records import DeliveryQueue
from driftbell.alerting.state.state import State
from driftbell.schemas import Alert


def firing_there(state: State, destination: str) -> list[Alert]:
    """The alerts, each once."""
    found: dict[str, Alert] = {}
    for queue in state.queues_of(destination):
        group = state.groups.get(queue.group_id)
        if group is None or not _is_open(queue):
            continue
        for fingerprint in group.members:
            entry = state.entries.get(fingerprint)
            if entry is not None and entry.alert is not None and entry.alert.status == "firing":
                found[fingerprint] = entry.alert
    return list(found.values())


def _is_open(queue: DeliveryQueue) -> bool:
    """Whether the destination was told of the queue's incident, and is not to be told that it is over."""
    opened = any(incident.delivered != "no" for incident in queue.incidents)
    return opened and not any(row.notification.status == "resolved" for row in queue.rows)
