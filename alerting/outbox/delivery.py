"""Delivery: what a queue hands to a channel."""

from __future__ import annotations

from dataclasses import dataclass

from driftbell.alerting.outbox.delivery_queue import kind_of
from driftbell.alerting.state.records import DeliveryQueue, Incident, Kind, Notification, Row


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: what is to be said, about which incident, under which identity."""

    #: The same at every attempt of the same content.
    id: str
    kind: Kind
    notification: Notification
    incident: Incident
    #: The group on this destination, 32 hex digits, the same for all its incidents; with ``-2`` for a second call, and so on.
    key: str
    #: The keys of the incident's earlier calls; a close closes them too.
    older_keys: tuple[str, ...] = ()
    #: Whether people are to be called though the incident is open already.
    calls_again: bool = False

    @property
    def calls(self) -> bool:
        """Whether people are to be called: the incident opens, or has become more severe, and nobody has taken it on."""
        return (self.kind is Kind.TRIGGER or self.calls_again) and not self.notification.is_taken


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is marked as being sent; ``settle`` must follow."""

    queue_id: str
    delivery: Delivery
    attempt: int
    since_ms: int
    #: When the write began that marked it; the state was ours then.
    at_ms: int


def delivery_of(queue: DeliveryQueue, row: Row) -> Delivery:
    """What is handed over for a row of a queue."""
    incident = queue.incident(row.incident_id)
    *older, key = queue.keys(incident)
    return Delivery(
        row.delivery_id,
        kind_of(queue, row),
        row.notification,
        incident.copy(),
        key,
        older_keys=tuple(older),
        calls_again=row.calls_again,
    )
