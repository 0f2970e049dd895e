"""What a checkpoint holds, as a list of fields, and the version of the format for which that list stands.

An earlier release reads what it knows and would drop the rest with its next save. So whoever adds, renames or removes a field
of the state raises a version: that of the kind itself (``MODEL_FORMAT``, the ``tag`` of a typed state), or ``CORE_FORMAT`` in
``streams/partition/partition.py``, for all of them, with a way up from the version before (most often ``reads_as_is``, else a
migration). An earlier release then refuses the whole partition. Then::

    python -m tests.streams.state_fields

writes the new list; it refuses while a kind has changed and no version with it.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from driftbell.runtime.config.model import Config
from driftbell.streams.checkpoints.checkpoint import Checkpoint
from driftbell.streams.join.entry import FORM as PENDING_FORM
from driftbell.streams.join.entry import PendingPrediction
from driftbell.streams.join.waiting import FORM as WAITING_FORM
from driftbell.streams.join.waiting import WaitingLabel
from driftbell.streams.partition.model import MODEL_FORMAT
from driftbell.streams.partition.partition import CORE_FORMAT, Partition
from driftbell.streams.records import Input
from driftbell.streams.versioned import Versioned
from driftbell.streams.windows.families.registry import FAMILIES
from driftbell.streams.windows.window import FORM as WINDOW_FORM
from tests.streams.engine.fakes import prediction

RECORDED = Path(__file__).parent / "checkpoints" / "data" / "state-fields.json"

START_MS = 1_700_000_000_000

#: Maps whose keys are what was counted, not fields.
COUNTS = {"counts"}


def fields() -> dict[str, list[str]]:
    """By kind of state, with its own version: its fields."""
    taken = _checkpoint()
    found = {
        "partition": sorted(_paths(CORE_FORMAT.decode(taken.core))),
        f"model {MODEL_FORMAT.version}": sorted(_paths(MODEL_FORMAT.decode(taken.models["fraud"] or b""))),
        f"pending prediction {PENDING_FORM}": list(PendingPrediction.__struct_fields__),
        f"waiting label {WAITING_FORM}": list(WaitingLabel.__struct_fields__),
        f"window {WINDOW_FORM}": [family.key for family in FAMILIES],
    }
    for kind in _kinds(Versioned):
        found[f"{kind.__name__} {kind.__struct_config__.tag}"] = list(kind.__struct_fields__)
        for part in _parts(msgspec.inspect.type_info(kind)):
            # Without a version of their own: they stand for what the version of models says.
            found[f"{part.__name__} {MODEL_FORMAT.version}"] = list(part.__struct_fields__)
    return dict(sorted(found.items()))


def recorded() -> dict[str, Any]:
    """What is written down: ``version`` and ``fields``."""
    document: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return document


def _checkpoint() -> Checkpoint:
    partition = Partition(0, Config())
    partition.push(Input.PREDICTIONS, [prediction(i, START_MS + i) for i in range(10)])
    for source in Input:
        partition.advance_watermark(source, START_MS + 60_000)
    while (step := partition.next_step()) is not None:
        keys = partition.lookups(step)
        for _ in partition.run(step, {} if keys else None):
            pass
    return partition.checkpoint()


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The fields of plain data; what is a typed state (it has ``v``) is listed by its type."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield from _paths(value[0], prefix + "[]")
    if not isinstance(value, dict) or "v" in value:
        return
    for name, inner in value.items():
        path = f"{prefix}.{name}".lstrip(".")
        yield path
        if name not in COUNTS:
            yield from _paths(inner, path)


def _kinds(base: type[Versioned]) -> Iterator[type[Versioned]]:
    for kind in base.__subclasses__():
        # Those of tests and docstrings are not stored.
        module = inspect.getmodule(kind)
        if kind.__module__.startswith("driftbell.streams") and getattr(module, kind.__name__, None) is kind:
            yield kind
        yield from _kinds(kind)


def _parts(info: msgspec.inspect.Type) -> Iterator[type[msgspec.Struct]]:
    """The plain structs in a kind of state, at any depth."""
    if isinstance(info, msgspec.inspect.StructType):
        if not issubclass(info.cls, Versioned):
            yield info.cls
        for field in info.fields:
            yield from _parts(field.type)
    elif isinstance(info, msgspec.inspect.UnionType):
        for one in info.types:
            yield from _parts(one)
    elif isinstance(info, msgspec.inspect.DictType):
        yield from _parts(info.value_type)
    elif isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        yield from _parts(info.item_type)
    elif isinstance(info, msgspec.inspect.TupleType):
        for one in info.item_types:
            yield from _parts(one)


def unversioned(now: Mapping[str, list[str]], before: Mapping[str, Any]) -> list[str]:
    """The kinds that have changed under the versions that were recorded ``before``."""
    if CORE_FORMAT.version > before["version"]:
        return []
    known = dict(_name_and_version(kind) for kind in before["fields"])
    changed = [kind for kind, names in now.items() if before["fields"].get(kind) != names]
    return [kind for kind in changed if not _raised(kind, known)]


def _raised(kind: str, known: Mapping[str, int]) -> bool:
    name, version = _name_and_version(kind)
    return name in known and version > known[name]


def _name_and_version(kind: str) -> tuple[str, int]:
    name, _, version = kind.rpartition(" ")
    return (name, int(version)) if name else (kind, 0)


def main() -> int:
    """Write the list; 1 where the version must be raised first."""
    now = fields()
    before: dict[str, Any] = recorded() if RECORDED.exists() else {"version": 0, "fields": {}}
    if changed := unversioned(now, before):
        print(
            f"the fields of {', '.join(changed)} have changed: raise CORE_FORMAT above {before['version']}, with a migration",
            file=sys.stderr,
        )
        return 1
    document = {"version": CORE_FORMAT.version, "fields": now}
    RECORDED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
