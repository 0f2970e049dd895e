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
    #: Silence id to ``silence.Silence``.
    SILENCES = "silences"
    #: Command id to ``silence.Answer``.
    ANSWERS = "answers"
    #: Destination id to ``records.KnownDestination``.
    DESTINATIONS = "destinations"
    #: Group id to ``timelines.timeline.Timeline``.
    TIMELINES = "timelines"


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


class CommandBox(Protocol):
    """Where commands wait for the leader, whoever that is, and where what came of them is read.

    Commands are not part of the state that an owner claims: anybody who may reach the store may hand one in. The leader
    obeys them, saves the answers with what they changed in one write, and takes them out of the box after it; a leader
    that dies in between leaves them to the next, who knows them by their answers.
    """

    async def submit(self, command_id: str, command: bytes) -> None:
        """Hand a command in; the same id again changes nothing.

        Raises:
            StoreUnavailableError: no answer; handing it in again is safe.
        """

    async def withdraw(self, command_id: str) -> bool:
        """Take a command back. False: the leader has it already.

        Raises:
            StoreUnavailableError: no answer.
        """

    async def commands(self) -> dict[str, bytes]:
        """What waits, by command id.

        Raises:
            StoreUnavailableError: no answer.
        """

    async def look(self, table: Table, key: str | None = None) -> dict[str, bytes]:
        """A table, or one record of it, as the leader last saved it; nothing is claimed.

        Raises:
            StoreUnavailableError: no answer.
        """
