"""Writes the reference of docs/configuration.md from the typed model: ``python -m tests.runtime.configuration_reference``.

The words are the model's own: the ``#:`` comment above a key.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config.duration import format_duration
from driftbell.runtime.config.section import Section

FILE = Path(__file__).parents[2] / "docs" / "configuration.md"
BEGIN = "<!-- The rest is made from the source by tests/runtime/configuration_reference.py; do not edit it. -->\n"


def reference() -> str:
    """The generated part."""
    return "".join(_section(MODEL.config, "", set()))


def documented() -> str:
    """What the file's generated part says now."""
    return FILE.read_text(encoding="utf-8").partition(BEGIN)[2]


def comments(section: type[msgspec.Struct]) -> dict[str, str]:
    """Field -> the ``#:`` comment above it, or above the same field of a section that it extends."""
    # A section that was made at run time, with the settings of channels, has all its words in those that it extends.
    written = [one for one in section.__mro__ if one.__module__.startswith("driftbell") and _has_source(one)]
    found: dict[str, str] = {}
    for one in reversed(written):
        found |= {name: words for name, words in _comments(one).items() if words}
    return found


def _comments(section: type) -> dict[str, str]:
    found: dict[str, str] = {}
    gathered: list[str] = []
    for line in inspect.getsource(section).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            gathered.append(text.removeprefix("#:").strip())
        elif match := re.match(r"(\w+): ", text):
            found[match[1]] = " ".join(gathered)
            gathered = []
        else:
            gathered = []
    return found


def _has_source(section: type) -> bool:
    try:
        return (
            f"class {section.__name__}(" in inspect.getsource(section)
            and section.__mro__[1].__name__ != section.__name__
        )
    except (OSError, TypeError):
        return False


def _section(section: type[msgspec.Struct], prefix: str, seen: set[type]) -> Iterator[str]:
    seen.add(section)
    info = types.type_info(section)
    assert isinstance(info, types.StructType)
    said = comments(section)
    title = f"`{prefix}`" if prefix else "The top level"
    yield f"\n## {title}\n\n{_first_paragraph(section)}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
    deeper: list[tuple[str, type[msgspec.Struct]]] = []
    for field in info.fields:
        kind, below = _kind(field.type)
        if below is not None:
            step = f"{field.encode_name}[]" if kind == "list" else field.encode_name
            step = f"{field.encode_name}.<name>" if kind == "mapping" else step
            deeper.append((f"{prefix}.{step}".lstrip("."), below))
        words = said.get(field.name) or said.get(field.encode_name) or _secret_form(field, info)
        yield f"| `{field.encode_name}` | {kind} | {_default(field, kind)} | {_escape(words)} |\n"
    for path, below in deeper:
        if below not in seen:
            yield from _section(below, path, seen)


def _secret_form(field: types.Field, info: types.StructType) -> str:
    """What every secret's other two forms mean."""
    secret, _, form = field.encode_name.rpartition("_")
    if form not in ("file", "env") or not any(
        other.encode_name == secret and _kind(other.type)[0] == "secret" for other in info.fields
    ):
        return ""
    what = "A file that holds" if form == "file" else "Name of an environment variable that holds"
    return f"{what} `{secret}`, in place of it."


def _first_paragraph(section: type[msgspec.Struct]) -> str:
    text = inspect.cleandoc(section.__doc__ or "").partition("\n\n")[0]
    return _escape(" ".join(text.split()))


def _kind(kind: types.Type) -> tuple[str, type[msgspec.Struct] | None]:
    """How a type is called for people, and the section below it if there is one."""
    match kind:
        case types.Metadata():
            form = (kind.extra_json_schema or {}).get("format")
            return ("duration", None) if form == "duration" else ("secret", None) if form else _kind(kind.type)
        case types.UnionType():
            others = [_kind(one) for one in kind.types if not isinstance(one, types.NoneType)]
            return " or ".join(name for name, _ in others), others[0][1]
        case types.StructType():
            return "section", kind.cls
        case types.DictType():
            return "mapping", _kind(kind.value_type)[1]
        case types.ListType():
            return "list", _kind(kind.item_type)[1]
        case types.LiteralType():
            return ", ".join(f"`{value}`" for value in kind.values), None
        case _:
            names = {
                types.BoolType: "boolean",
                types.IntType: "integer",
                types.FloatType: "number",
                types.StrType: "text",
            }
            return names.get(type(kind), "any"), None


def _default(field: types.Field, kind: str) -> str:
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else "required"
    match value:
        case None | Section():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float() if kind == "duration":
            return f"`{format_duration(value)}`"
        case dict() if value:
            return ", ".join(f"`{name}: {item}`" for name, item in value.items())
        case dict() | list():
            return ""
        case "required":
            return "required"
        case _:
            return f"`{value}`" if value != "" else ""


def _escape(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    head = FILE.read_text(encoding="utf-8").partition(BEGIN)[0]
    FILE.write_text(head + BEGIN + reference(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE.name}\n")
