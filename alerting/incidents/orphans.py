"""What is open on a channel and would never be closed: its group is gone."""

from __future__ import annotations

from collections.abc import Container, Iterator

from driftbell.alerting.state.records import DeliveryQueue
from driftbell.alerting.state.state import Draft


def orphans(draft: Draft, destinations: Container[str]) -> Iterator[DeliveryQueue]:
    """Queues with something open and no close waiting, of which nothing else will ever think.

    Args:
        draft: to be read.
        destinations: those that are there, by id. A page on a fallback ends with its own destination too.
    """
    for queue in list(draft.state.queues.values()):
        newest = queue.incidents[-1] if queue.incidents else None
        if newest is None or newest.ended:
            continue
        if draft.group_to_read(queue.group_id) is not None and (not queue.stands_for or queue.via in destinations):
            continue
        if not any(row.incident_id == newest.id and row.notification.status == "resolved" for row in queue.rows):
            yield queue
