"""Between the state in memory and the tables of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.records import DeadLetter, Entry, Group, Lane
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.store import Changes, Table, Tables

_KNOWN: Final[dict[Table, Callable[[State], Mapping[str, Any]]]] = {
    Table.ENTRIES: lambda state: state.entries,
    Table.GROUPS: lambda state: state.groups,
    Table.LANES: lambda state: state.lanes,
    Table.DEAD: lambda state: state.dead_letters,
}


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
        Table.LANES: {key: None if one is None else encode(one) for key, one in draft.lanes.items()},
        Table.DEAD: {key: None if one is None else encode(one) for key, one in draft.dead_letters.items()},
        Table.OFFSETS: {str(partition): str(offset).encode() for partition, offset in draft.offsets.items()},
    }
