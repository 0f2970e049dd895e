"""A wrong value as a message shows it, and which types may hold a secret, so that a message shows only the kind of it."""

from __future__ import annotations

from typing import Any

from msgspec import inspect


def is_secret(kind: inspect.Type) -> bool:
    """Whether a value of this type is declared a secret, or is a list or mapping of them."""
    match kind:
        case inspect.Metadata():
            return (kind.extra_json_schema or {}).get("format") == "password" or is_secret(kind.type)
        case inspect.UnionType():
            return any(is_secret(one) for one in kind.types)
        case inspect.ListType():
            return is_secret(kind.item_type)
        case inspect.DictType():
            return is_secret(kind.value_type)
        case _:
            return False


def holds_secrets(kind: inspect.Type, seen: set[type]) -> bool:
    """Whether a value of this type is a secret, or has one at any depth."""
    match kind:
        case inspect.Metadata():
            return is_secret(kind) or holds_secrets(kind.type, seen)
        case inspect.UnionType():
            return any(holds_secrets(one, seen) for one in kind.types)
        case inspect.ListType():
            return holds_secrets(kind.item_type, seen)
        case inspect.DictType():
            return holds_secrets(kind.value_type, seen)
        case inspect.StructType() if kind.cls not in seen:
            seen.add(kind.cls)
            return any(holds_secrets(one.type, seen) for one in kind.fields)
        case _:
            return False


def kind_of(value: Any) -> str:
    """What kind of value it is, in words; nothing of the value itself."""
    match value:
        case bool() | None | dict() | list():
            return shown(value)
        case int() | float():
            return "a number"
        case _:
            return "text"


def shown(value: Any) -> str:
    """A wrong value as a message repeats it, cut to a line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "keys with values"
        case list():
            return "a list"
        case _:
            return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
