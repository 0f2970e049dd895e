"""Plain values against the typed model of the configuration: every mistake at once, each with its path and its fix.

msgspec itself stops at the first and does not name the keys of a mapping; it has the last word all the same
(``driftbell.runtime.config.loader`` converts what comes out of here).

A mistake shows the value that is wrong, except where a secret may stand: in or in place of a section that has one, and in all
that such a section holds. There it says only what kind of value it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import inspect

from driftbell.runtime.config.document import Loose, Path, scalar
from driftbell.runtime.config.duration import parse_duration
from driftbell.runtime.config.nearest import nearest
from driftbell.runtime.config.wrong_value import holds_secrets, is_secret, kind_of, shown

#: In place of a value of the wrong type. What holds it goes without, so that all else is checked all the same.
_BROKEN: Final = object()

_YES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True)
class Mistake:
    """What is wrong at a path. ``at_key``: with the key rather than its value."""

    path: Path
    message: str
    at_key: bool = False


@dataclass(slots=True)
class Checker:
    """Walks values and types together.

    ``overlays`` gives the section whose keys an otherwise untyped mapping at a path takes (``models.<name>``).
    """

    overlays: Callable[[Path], type[msgspec.Struct] | None] = lambda path: None
    mistakes: list[Mistake] = field(default_factory=list)
    _known_keys: dict[str, str] = field(default_factory=dict)
    #: Whether the value that is looked at is in a section that has a secret.
    _by_secrets: bool = False

    def section(self, value: Any, section: type[msgspec.Struct], path: Path = ()) -> Any:
        """``value`` with durations in seconds and loose text typed, fit for ``msgspec.convert``; mistakes are collected."""
        kind = inspect.type_info(section)
        if not path:
            self._index(kind, "", set())
        checked = self._check(value, kind, path)
        return {} if checked is _BROKEN else checked

    def _check(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        if section := self.overlays(path):
            kind = inspect.type_info(section)
        match kind:
            case inspect.Metadata():
                if (kind.extra_json_schema or {}).get("format") == "duration":
                    return self._duration(value, kind, path)
                return self._check(value, kind.type, path)
            case inspect.UnionType():
                return self._union(value, kind, path)
            case inspect.StructType():
                return self._struct(value, kind, path)
            case inspect.DictType():
                mapping = self._mapping(value, kind, path)
                found = {key: self._check(item, kind.value_type, (*path, key)) for key, item in mapping.items()}
                return {key: item for key, item in found.items() if item is not _BROKEN}
            case inspect.ListType():
                return self._list(value, kind, path)
            case inspect.AnyType():
                return scalar(value) if isinstance(value, Loose) else value
            case _:
                return self._leaf(value, kind, path)

    def _struct(self, value: Any, kind: inspect.StructType, path: Path) -> dict[str, Any]:
        mapping = self._mapping(value, kind, path)
        fields = {field.encode_name: field for field in kind.fields}
        outside = self._by_secrets
        self._by_secrets = outside or any(is_secret(one.type) for one in kind.fields)
        result = {}
        for key, item in mapping.items():
            here = (*path, key)
            if key not in fields:
                self.mistakes.append(Mistake(here, f"unknown key{self._suggestion(key, fields, path)}", at_key=True))
            else:
                checked = self._check(item, fields[key].type, here)
                if checked is not _BROKEN:
                    result[key] = checked
        self._by_secrets = outside
        for name, one in fields.items():
            if one.required and name not in mapping:
                self.mistakes.append(Mistake(path, f"the key {name} is needed here"))
        return result

    def _suggestion(self, key: str, fields: dict[str, inspect.Field], path: Path) -> str:
        if meant := nearest(key, fields):
            return f"; did you mean {meant}?"
        if elsewhere := self._known_keys.get(key):
            return f"; it belongs to {elsewhere}"
        return f"; known here: {', '.join(sorted(fields))}"

    def _mapping(self, value: Any, kind: inspect.Type, path: Path) -> dict[str, Any]:
        value = self._parsed(value, path)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.mistakes.append(Mistake(path, f"expected keys with values, got {self._got(value, kind, path)}"))
            return {}
        return value

    def _list(self, value: Any, kind: inspect.ListType, path: Path) -> Any:
        # "a, b" in an environment variable is a list of text to everybody.
        if isinstance(value, Loose) and not value.lstrip().startswith("["):
            value = [Loose(item.strip()) for item in value.split(",") if item.strip()]
        value = self._parsed(value, path)
        if value is None:
            return []
        if not isinstance(value, list):
            got = self._got(value, kind, path)
            fix = f"write [{got}]" if got == shown(value) else "put it in [ and ]"
            self.mistakes.append(Mistake(path, f"expected a list, got {got}: {fix}"))
            return _BROKEN
        found = [self._check(item, kind.item_type, (*path, index)) for index, item in enumerate(value)]
        # Left out alone, it would move the others, and their places with them.
        return _BROKEN if any(item is _BROKEN for item in found) else found

    def _parsed(self, value: Any, path: Path) -> Any:
        if not isinstance(value, Loose):
            return value
        from driftbell.runtime.config.document import parse

        document = parse(value, "the environment", {})
        if document.errors:
            self.mistakes.append(Mistake(path, document.errors[0].message))
        return document.root

    def _union(self, value: Any, kind: inspect.UnionType, path: Path) -> Any:
        absent = value is None or (isinstance(value, Loose) and scalar(value) is None)
        if absent and any(isinstance(one, inspect.NoneType) for one in kind.types):
            return None
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(others) == 1:
            return self._check(value, others[0], path)
        if isinstance(value, Loose):
            return str(value)
        try:
            # Only scalars are unions in the model (the values of ``kafka``), so msgspec can decide.
            return msgspec.convert(value, str | int | float | bool)
        except msgspec.ValidationError:
            got = self._got(value, kind, path)
            self.mistakes.append(Mistake(path, f"expected text, a number, true or false, got {got}"))
            return _BROKEN

    def _duration(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                return parse_duration(str(value))
            except ValueError as error:
                if not self._by_secrets:
                    self.mistakes.append(Mistake(path, str(error)))
                    return _BROKEN
        got = self._got(value, kind, path)
        self.mistakes.append(Mistake(path, f"expected a duration such as 30s, 5m or 7d, got {got}"))
        return _BROKEN

    def _leaf(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        value = _typed(value, kind)
        try:
            return msgspec.convert(value, _python_type(kind))
        except msgspec.ValidationError as error:
            self.mistakes.append(Mistake(path, _explain(value, kind, error, self._got(value, kind, path))))
            return _BROKEN

    def _got(self, value: Any, kind: inspect.Type, path: Path) -> str:
        """The value as a message shows it: only its kind where it may be a secret."""
        # Of Kafka's settings a name says which are secret, no type.
        hides = self._by_secrets or path[:1] == ("kafka",) or holds_secrets(kind, set())
        return kind_of(value) if hides else shown(value)

    def _index(self, kind: inspect.Type, path: str, seen: set[type]) -> None:
        """Where each key belongs, for the key that somebody put into the wrong section."""
        if isinstance(kind, inspect.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            for one in kind.fields:
                self._known_keys.setdefault(one.encode_name, path or "the top level")
                self._index(one.type, f"{path}.{one.encode_name}".strip("."), seen)


def _typed(value: Any, kind: inspect.Type) -> Any:
    """What YAML or the environment writes otherwise than msgspec wants it: ``yes``, ``1e6`` for an integer."""
    if isinstance(kind, inspect.BoolType) and isinstance(value, str):
        return _YES.get(value.lower(), value)
    if isinstance(value, Loose):
        value = str(value) if isinstance(kind, inspect.StrType | inspect.LiteralType) else scalar(value)
    if isinstance(kind, inspect.IntType) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _python_type(kind: inspect.Type) -> Any:
    match kind:
        case inspect.BoolType():
            return bool
        case inspect.LiteralType():
            from typing import Literal

            return Literal[tuple(kind.values)]
        case inspect.IntType() | inspect.FloatType():
            base: Any = int if isinstance(kind, inspect.IntType) else float
            bounds = {name: getattr(kind, name) for name in ("gt", "ge", "lt", "le", "multiple_of")}
        case inspect.StrType():
            base = str
            bounds = {name: getattr(kind, name) for name in ("min_length", "max_length", "pattern")}
        case _:
            raise TypeError(f"the configuration's model has a field of a kind that its checker does not know: {kind}")
    from typing import Annotated

    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return Annotated[base, msgspec.Meta(**given)] if given else base


def _explain(value: Any, kind: inspect.Type, error: msgspec.ValidationError, got: str) -> str:
    match kind:
        case inspect.BoolType():
            return f"expected true or false, got {got}"
        case inspect.LiteralType():
            meant = nearest(str(value), map(str, kind.values))
            hint = f"; did you mean {meant}?" if meant else ""
            return f"expected one of {', '.join(map(str, kind.values))}, got {got}{hint}"
        case inspect.StrType() if isinstance(value, bool | int | float):
            return f"expected text, got {got}: put it in quotes"
        case inspect.IntType() | inspect.FloatType() if not isinstance(value, int | float) or isinstance(value, bool):
            noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            return f"expected {noun}, got {got}"
        case inspect.IntType() if isinstance(value, float):
            return f"expected a whole number, got {got}"
        case inspect.IntType() | inspect.FloatType() if kind.ge is not None or kind.le is not None:
            noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            if kind.ge is None or kind.le is None:
                limits = f"of at least {kind.ge}" if kind.le is None else f"of at most {kind.le}"
            else:
                limits = f"from {kind.ge} to {kind.le}"
            return f"expected {noun} {limits}, got {got}"
        case _:
            return f"{str(error).replace('`', '')}, got {got}"
