"""Destinations that are gone from the router's configuration, and at which something is open still."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from driftbell.alerting.errors import DamagedRecordError
from driftbell.alerting.state.encoding import decode
from driftbell.alerting.state.records import DeliveryQueue, KnownDestination
from driftbell.alerting.state.store import CommandBox, Table
from driftbell.runtime.printable import printable

T = TypeVar("T", bound=msgspec.Struct)


class RetiredDestination(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    #: Its place in the configuration of before: ``oncall/pagerduty[0]``.
    destination: str
    #: When it was found to be gone, epoch milliseconds.
    since_ms: int
    #: Incidents open there.
    open: int
    #: Why they cannot be closed; empty while that is only under way.
    trouble: str = ""

    def __str__(self) -> str:
        number = f"{self.open:,} incident{'' if self.open == 1 else 's'}"
        if not self.trouble:
            return f"{self.destination} is gone from the configuration, {number} there to be closed"
        return (
            f"{number} of {self.destination}, which is gone from the configuration, cannot be closed "
            f"({printable(self.trouble)}): put its secret back, or close by hand"
        )


async def look(box: CommandBox) -> list[RetiredDestination]:
    """What the store of the routers has.

    Raises:
        RouterError: it does not answer, or a newer router wrote it.
    """
    known = await box.look(Table.DESTINATIONS)
    if not any(record.retired_ms for record in _readable(known, KnownDestination)):
        # Queues may be many, and are looked at only where there is something to find.
        return []
    return retired(known, await box.look(Table.QUEUES))


def retired(known: Mapping[str, bytes], queues: Mapping[str, bytes]) -> list[RetiredDestination]:
    """What two tables of a store say of them, in the order of their places."""
    there: dict[str, list[DeliveryQueue]] = {}
    for queue in _readable(queues, DeliveryQueue):
        there.setdefault(queue.destination, []).append(queue)
    found = []
    for record in _readable(known, KnownDestination):
        if not record.retired_ms:
            continue
        mine = there.get(record.id, [])
        refused = [row.last_error for queue in mine for row in queue.rows if row.refused]
        found.append(
            RetiredDestination(
                destination=record.label,
                since_ms=record.retired_ms,
                open=sum(len(queue.incidents) for queue in mine),
                trouble=refused[0] if refused else "",
            )
        )
    return sorted(found, key=lambda one: one.destination)


def _readable(table: Mapping[str, bytes], kind: type[T]) -> Iterator[T]:
    for data in table.values():
        # What is damaged is the router's to tell of.
        with contextlib.suppress(DamagedRecordError):
            yield decode(data, kind)
