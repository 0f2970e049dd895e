"""The port to where the router's state is kept: tables of bytes, changed by one atomic write per decision."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol


class Table(enum.StrEnum):
    """What is kept, each a mapping of text to bytes."""

    #: Fingerprint to ``records.Entry``.
    ENTRIES = "entries"
    #: Group id to ``records.Group``.
    GROUPS = "groups"
    #: DeliveryQueue id to ``records.DeliveryQueue``: the outbox and the open incidents.
    QUEUES = "lanes"  # the stored name of the table; it stays
    #: Delivery id to ``records.DeadDelivery``.
    DEAD = "dead"
    #: Partition of the alerts topic to the next offset to read, both as decimal text.
    OFFSETS = "offsets"


#: New values by key; None deletes.
Changes = Mapping[Table, Mapping[str, bytes | None]]
Tables = dict[Table, dict[str, bytes]]


class RouterStore(Protocol):
    """Keeps the state of one router group. At most one owner writes: the one that claimed last.

    Every method may block on I/O. ``StoreUnavailableError`` says nothing about whether the write happened; writing the
    same changes again is safe.
    """

    async def claim(self, generation: int) -> Tables:
        """Become the owner and return everything. From here on no older owner can write.

        Args:
            generation: of the consumer group; a later owner has a higher one.

        Raises:
            FencedError: a router of a later generation owns the state and has written lately.
            StoreUnavailableError: no answer.
        """

    async def save(self, changes: Changes) -> None:
        """Write all changes, or none. With no changes it only says that the owner lives.

        Raises:
            FencedError: another router owns the state; nothing was written.
            LostWritesError: the store has lost earlier writes; nothing was written, and ``restate`` is to follow.
            StoreUnavailableError: no answer; the changes may or may not have been written.
        """

    async def restate(self, tables: Changes) -> None:
        """Replace everything: for an owner who knows better than a store that has lost its last writes.

        Raises:
            FencedError, StoreUnavailableError: as ``save``.
        """

    async def close(self) -> None:
        """Let go of connections. The state stays claimed."""
