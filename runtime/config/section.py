"""What every part of the configuration is made of: the strict section, and the types with a meaning of their own."""

from __future__ import annotations

import functools
import typing
from typing import Annotated, Any

import msgspec

#: Seconds. In the file: a number of seconds or text such as "30s", "5m", "7d".
Duration = Annotated[float, msgspec.Meta(ge=0, extra_json_schema={"format": "duration"})]
Positive = Annotated[int, msgspec.Meta(ge=1)]
#: Whoever reads it can act as us: never shown in logs, errors or ``repr``.
Secret = Annotated[str, msgspec.Meta(extra_json_schema={"format": "password", "writeOnly": True})]

#: What is shown in place of a secret.
HIDDEN = "<secret>"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: an unknown key is an error, not a silent default. ``repr`` hides the secrets."""

    def __repr__(self) -> str:
        hidden = secret_fields(type(self))
        parts = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            shown = HIDDEN if name in hidden and value is not None else repr(value)
            parts.append(f"{name}={shown}")
        return f"{type(self).__name__}({', '.join(parts)})"


@functools.cache
def secret_fields(section: type[Section]) -> frozenset[str]:
    """The names of a section's fields that are declared ``Secret`` (also as ``Secret | None``)."""
    hints = typing.get_type_hints(section, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _is_secret(hint))


def _is_secret(hint: Any) -> bool:
    if hint == Secret:
        return True
    return any(_is_secret(part) for part in typing.get_args(hint))
