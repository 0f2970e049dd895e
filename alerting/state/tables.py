"""Between the state in memory and the tables of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Entry, Group
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.store import Changes, Table, Tables

_KNOWN: Final[dict[Table, Callable[[State], Mapping[str, Any]]]] = {
    Table.ENTRIES: lambda state: state.entries,
    Table.GROUPS: lambda state: state.groups,
    Table.QUEUES: lambda state: state.queues,
    Table.DEAD: lambda state: state.dead_deliveries,
}


def load(tables: Tables) -> State:
    """The state that a store has kept.

    Raises:
        RefusedError: a record cannot be read, or is of a newer format.
    """
    return State(
        entries=[decode(data, Entry) for data in tables[Table.ENTRIES].values()],
        groups=[decode(data, Group) for data in tables[Table.GROUPS].values()],
        queues=[decode(data, DeliveryQueue) for data in tables[Table.QUEUES].values()],
        offsets={int(partition): int(offset) for partition, offset in tables[Table.OFFSETS].items()},
        dead_deliveries=[decode(data, DeadDelivery) for data in tables[Table.DEAD].values()],
    )


def contents(state: State, keys: Mapping[Table, Iterable[str]]) -> dict[Table, dict[str, bytes | None]]:
    """What the state has under some keys, as a store takes it; None where it has nothing."""
    found: dict[Table, dict[str, bytes | None]] = {}
    for table, names in keys.items():
        if table is Table.OFFSETS:
            offsets = {str(partition): str(offset).encode() for partition, offset in state.offsets.items()}
            found[table] = {name: offsets.get(name) for name in names}
        else:
            known = _KNOWN[table](state)
            found[table] = {name: encode(known[name]) if name in known else None for name in names}
    return found


def everything(state: State) -> dict[Table, dict[str, bytes | None]]:
    """All that the state has, as a store takes it."""
    keys: dict[Table, Iterable[str]] = {table: known(state) for table, known in _KNOWN.items()}
    return contents(state, keys | {Table.OFFSETS: map(str, state.offsets)})


def laid_over(known: Changes, changed: Changes) -> dict[Table, dict[str, bytes | None]]:
    """What is known, and what changes of it."""
    return {table: {**known.get(table, {}), **changed.get(table, {})} for table in Table}


def changes(draft: Draft) -> dict[Table, dict[str, bytes | None]]:
    """What a draft changes, as a store takes it."""
    return {
        Table.ENTRIES: {key: None if one is None else encode(one) for key, one in draft.entries.items()},
        Table.GROUPS: {key: None if one is None else encode(one) for key, one in draft.groups.items()},
        Table.QUEUES: {key: None if one is None else encode(one) for key, one in draft.queues.items()},
        Table.DEAD: {key: None if one is None else encode(one) for key, one in draft.dead_deliveries.items()},
        Table.OFFSETS: {str(partition): str(offset).encode() for partition, offset in draft.offsets.items()},
    }
