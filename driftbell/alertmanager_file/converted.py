"""The sections of an Alertmanager file that driftbell knows, and a list of what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import inspect as types

from driftbell.alertmanager_file import instead
from driftbell.alertmanager_file.go_templates import as_jinja, is_template
from driftbell.alertmanager_file.go_templates import instead as instead_of_template
from driftbell.runtime.config.channels import Model

#: Keys that only driftbell's own file has at its top.
_OURS = frozenset({"router", "kafka", "redis", "topics", "worker", "monitoring", "models", "join"})
#: What is left out leaves an empty section behind, which would be a setting that works otherwise, or a new mistake.
_EMPTIED = "nothing of it is left, so it is left out whole"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that was not taken over: where it stands in the file, and what to do instead."""

    place: str
    instead: str


@dataclass(slots=True)
class Converted:
    """The document of a driftbell configuration, and what of the file is not in it."""

    document: dict[str, Any]
    left_out: list[LeftOut] = field(default_factory=list)


def converted(given: Any, model: Model) -> Converted:
    """What driftbell makes of an Alertmanager configuration.

    Args:
        given: the file as YAML reads it.
        model: driftbell's own, with its channels.

    Raises:
        ValueError: it is no mapping, or driftbell's own.
    """
    if not isinstance(given, dict):
        raise ValueError("the file holds no keys and values")  # noqa: TRY004 - what is wrong is the file
    if _OURS & given.keys() and not {"route", "receivers"} & given.keys():
        raise ValueError("it is driftbell's own configuration; `driftbell config check` checks it")
    found = Converted({})
    router = _section(given, model.router, "", found.left_out)
    found.document["router"] = router
    return found


def _section(given: dict[Any, Any], kind: type[msgspec.Struct], place: str, left_out: list[LeftOut]) -> dict[str, Any]:
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)
    fields = {one.encode_name: one.type for one in info.fields}
    kept: dict[str, Any] = {}
    for key, value in given.items():
        where = f"{place}.{key}".lstrip(".")
        if key in fields:
            taken = _value(value, fields[key], where, left_out)
            if taken is not None:
                kept[str(key)] = taken
        else:
            left_out.append(LeftOut(where, instead.key(str(key), place)))
    return kept


def _value(value: Any, kind: types.Type, place: str, left_out: list[LeftOut]) -> Any:
    section, many = _below(kind)
    if section is not None and isinstance(value, dict) and many != "list":
        if many == "mapping":
            made = {str(key): _value_of(one, section, f"{place}.{key}", left_out) for key, one in value.items()}
            return {key: one for key, one in made.items() if one is not None or value.get(key) is None}
        return _unless_emptied(value, _section(value, section, place, left_out), place, left_out)
    if section is not None and isinstance(value, list):
        items = [_value_of(one, section, f"{place}[{index}]", left_out) for index, one in enumerate(value)]
        # What is null in the file stays as it stands.
        kept = [made for given, made in zip(value, items, strict=True) if made is not None or given is None]
        return kept or (None if items else [])
    return _text(value, place, left_out)


def _value_of(value: Any, section: type[msgspec.Struct], place: str, left_out: list[LeftOut]) -> Any:
    if not isinstance(value, dict):
        return value
    return _unless_emptied(value, _section(value, section, place, left_out), place, left_out)


def _unless_emptied(given: dict[Any, Any], made: dict[str, Any], place: str, left_out: list[LeftOut]) -> Any:
    if given and not made:
        left_out.append(LeftOut(place, _EMPTIED))
        return None
    return made


def _text(value: Any, place: str, left_out: list[LeftOut]) -> Any:
    """A value below which there is no section, its texts in Jinja2; None where it is left out."""
    if isinstance(value, str) and is_template(value):
        made = as_jinja(value)
        if made is None:
            left_out.append(LeftOut(place, f"a Go template; write instead: {instead_of_template(value)}"))
        return made
    if isinstance(value, dict):
        pairs = ((key, _text(one, f"{place}.{key}", left_out)) for key, one in value.items())
        return {key: one for key, one in pairs if one is not None}
    return value


def _below(kind: types.Type) -> tuple[type[msgspec.Struct] | None, str]:
    """The section in a type, and how often it is there."""
    match kind:
        case types.StructType():
            return kind.cls, "once"
        case types.Metadata():
            return _below(kind.type)
        case types.ListType():
            return _below(kind.item_type)[0], "list"
        case types.DictType():
            return _below(kind.value_type)[0], "mapping"
        case types.UnionType():
            return next((found for one in kind.types if (found := _below(one))[0] is not None), (None, ""))
        case _:
            return None, ""


def lines(left_out: list[LeftOut]) -> Iterator[str]:
    """What was left out, for people."""
    for one in left_out:
        yield f"{one.place}: {one.instead}"
