"""A page on the fallback in place of one that its own destination does not take: it lives and ends with its incident."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from driftbell.alerting.outbox.delivery_queue import enqueue_firing, enqueue_resolved
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import DeliveryQueue, Notification
from driftbell.alerting.state.state import Draft


def stand_in_of(queue: DeliveryQueue, fallback: str) -> DeliveryQueue:
    """An empty queue of the same group on the fallback, with an identity of its own."""
    return DeliveryQueue(
        id=digest("stand-in", queue.id, fallback),
        group_id=queue.group_id,
        destination=fallback,
        stands_for=queue.id,
        via=queue.destination,
    )


def follow(
    draft: Draft,
    queue_id: str,
    notification: Notification,
    destinations: Mapping[str, Destination],
    now_ms: int,
    *,
    calls_again: bool = False,
) -> None:
    """Say on the stand-ins of a queue what its own destination is sent: something new, or the close."""
    for stand_in_id in list(draft.state.stand_ins(queue_id)):
        stand_in = draft.queue(stand_in_id)
        destination = None if stand_in is None else destinations.get(stand_in.destination)
        if stand_in is None or destination is None or not stand_in.incidents:
            continue
        told = msgspec.structs.replace(notification, receiver=destination.receiver)
        if notification.status == "firing":
            own = destinations.get(stand_in.via)
            told = msgspec.structs.replace(told, via=stand_in.via if own is None else own.label)
            enqueue_firing(stand_in, told, subject(told), now_ms, calls_again=calls_again)
        else:
            enqueue_resolved(stand_in, told if destination.send_resolved else None, now_ms)
        draft.drop_if_empty(stand_in)


def forget_unsent(draft: Draft, queue_id: str) -> None:
    """The destination has taken its page after all: a stand-in that nobody has seen is not needed."""
    for stand_in_id in list(draft.state.stand_ins(queue_id)):
        saved = draft.state.queues[stand_in_id]
        if any(incident.delivered != "no" for incident in saved.incidents):
            continue
        if any(row.state == "sending" for row in saved.rows):
            continue
        draft.queues[stand_in_id] = None
