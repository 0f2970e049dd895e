"""Between the state in memory and the tables of a store."""

from __future__ import annotations

from alerting.encoding import decode, encode
from alerting.records import DeadLetter, Entry, Group, Lane
from alerting.state import Draft, State
from alerting.stores.store import Changes, Table, Tables


def load(tables: Tables) -> State:
    """The state that a store has kept.

    Raises:
        RefusedError: a record cannot be read, or is of a newer format.
    """
    return State(
        entries=[decode(data, Entry) for data in tables[Table.ENTRIES].values()],
        groups=[decode(data, Group) for data in tables[Table.GROUPS].values()],
        lanes=[decode(data, Lane) for data in tables[Table.LANES].values()],
        offsets={int(partition): int(offset) for partition, offset in tables[Table.OFFSETS].items()},
        dead_letters=[decode(data, DeadLetter) for data in tables[Table.DEAD].values()],
    )


def changes(draft: Draft) -> Changes:
    """What a draft changes, as a store takes it."""
    return {
        Table.ENTRIES: {key: None if one is None else encode(one) for key, one in draft.entries.items()},
        Table.GROUPS: {key: None if one is None else encode(one) for key, one in draft.groups.items()},
        Table.LANES: {key: None if one is None else encode(one) for key, one in draft.lanes.items()},
        Table.DEAD: {key: None if one is None else encode(one) for key, one in draft.dead_letters.items()},
        Table.OFFSETS: {str(partition): str(offset).encode() for partition, offset in draft.offsets.items()},
    }
