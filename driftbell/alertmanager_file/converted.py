"""The sections of an Alertmanager file that driftbell knows, and a list of what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import inspect as types

from driftbell.alertmanager_file.go_templates import as_jinja, instead, is_template
from driftbell.runtime.config.channels import Model

#: Keys at the top that driftbell has in other words.
_ELSEWHERE = {
    "templates": "templates are written where they are used, in Jinja2 (docs/routing.md)",
    "tracing": "driftbell has no tracing of its own",
}
_NO_CHANNEL = "no such channel here: use one of driftbell's (docs/routing.md), or webhook_configs"
_NOT_KNOWN = "there is no such key here"


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
        ValueError: it is no mapping.
    """
    if not isinstance(given, dict):
        raise ValueError("the file holds no keys and values")  # noqa: TRY004 - what is wrong is the file
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
            left_out.append(LeftOut(where, _instead(str(key), place)))
    return kept


def _value(value: Any, kind: types.Type, place: str, left_out: list[LeftOut]) -> Any:
    section, many = _below(kind)
    if section is not None and isinstance(value, dict) and many != "list":
        if many == "mapping":
            return {str(key): _value_of(one, section, f"{place}.{key}", left_out) for key, one in value.items()}
        return _section(value, section, place, left_out)
    if section is not None and isinstance(value, list):
        return [_value_of(one, section, f"{place}[{index}]", left_out) for index, one in enumerate(value)]
    return _text(value, place, left_out)


def _value_of(value: Any, section: type[msgspec.Struct], place: str, left_out: list[LeftOut]) -> Any:
    return _section(value, section, place, left_out) if isinstance(value, dict) else value


def _text(value: Any, place: str, left_out: list[LeftOut]) -> Any:
    """A value below which there is no section, its texts in Jinja2; None where it is left out."""
    if isinstance(value, str) and is_template(value):
        made = as_jinja(value)
        if made is None:
            left_out.append(LeftOut(place, f"a Go template; write instead: {instead(value)}"))
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


def _instead(key: str, place: str) -> str:
    if not place and key in _ELSEWHERE:
        return _ELSEWHERE[key]
    if key.endswith("_configs") and place.startswith("receivers["):
        return _NO_CHANNEL
    return _NOT_KNOWN


def lines(left_out: list[LeftOut]) -> Iterator[str]:
    """What was left out, for people."""
    for one in left_out:
        yield f"{one.place}: {one.instead}"
