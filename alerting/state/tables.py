"""Between the state in memory and the tables of a store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from driftbell.alerting.errors import DamagedRecordError
from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Entry, Group, KnownDestination
from driftbell.alerting.state.silence import Answer, Silence
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.store import Changes, Table, Tables
from driftbell.alerting.state.timelines.timeline import Timeline

log = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

_KNOWN: Final[dict[Table, Callable[[State], Mapping[str, Any]]]] = {
    Table.ENTRIES: lambda state: state.entries,
    Table.GROUPS: lambda state: state.groups,
    Table.QUEUES: lambda state: state.queues,
    Table.DEAD: lambda state: state.dead_deliveries,
    Table.SILENCES: lambda state: {silence.id: silence for silence in state.silences},
    Table.ANSWERS: lambda state: state.answers,
    Table.DESTINATIONS: lambda state: state.destinations,
    Table.TIMELINES: lambda state: state.timelines,
}


def load(tables: Tables) -> State:
    """The state that a store has kept. What cannot be read is left out, logged, and named in ``State.left_out``.

    A router that refused to start for one damaged record would notify nobody of anything.

    Raises:
        NewerFormatError: a record is of a newer format.
    """
    left_out: list[str] = []

    def read(table: Table, kind: type[T]) -> list[T]:
        return list(_read(tables, table, kind, left_out))

    offsets: dict[int, int] = {}
    for partition, offset in tables[Table.OFFSETS].items():
        if partition.isdigit() and offset.isdigit():
            offsets[int(partition)] = int(offset)
        else:
            _leave_out(Table.OFFSETS, partition, "no whole number", left_out)
    return State(
        entries=read(Table.ENTRIES, Entry),
        groups=read(Table.GROUPS, Group),
        queues=read(Table.QUEUES, DeliveryQueue),
        offsets=offsets,
        dead_deliveries=read(Table.DEAD, DeadDelivery),
        left_out=left_out,
        silences=read(Table.SILENCES, Silence),
        answers=read(Table.ANSWERS, Answer),
        destinations=read(Table.DESTINATIONS, KnownDestination),
        timelines=read(Table.TIMELINES, Timeline),
    )


def _read(tables: Tables, table: Table, kind: type[T], left_out: list[str]) -> Iterator[T]:
    for key, data in tables.get(table, {}).items():
        try:
            yield decode(data, kind)
        except DamagedRecordError as error:
            _leave_out(table, key, str(error), left_out)


def _leave_out(table: Table, key: str, why: str, left_out: list[str]) -> None:
    log.error("a record of the router's state is left out", extra={"table": table.value, "key": key, "error": why})
    left_out.append(f"{table.value} {key}")


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
        Table.SILENCES: {key: None if one is None else encode(one) for key, one in draft.silences.items()},
        Table.ANSWERS: {key: None if one is None else encode(one) for key, one in draft.answers.items()},
        Table.DESTINATIONS: {key: None if one is None else encode(one) for key, one in draft.destinations.items()},
        Table.TIMELINES: {key: None if one is None else encode(one) for key, one in draft.timelines.items()},
    }
