"""What every part of the configuration is made of: the strict section, and the types with a meaning of their own."""

from __future__ import annotations

import functools
import typing
from typing import Annotated, Any

import msgspec

from driftbell.runtime.config.duration import LONGEST_SECONDS

#: Seconds. In the file: a number of seconds or text such as "30s", "5m", "7d".
Duration = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SECONDS, extra_json_schema={"format": "duration"})]
#: Counts. The bound keeps a slip of the keyboard out of arithmetic on floats and 64-bit integers.
Natural = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
#: How many pieces something is divided into, where all are held in memory.
Pieces = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
#: Kafka counts partitions with 32 bits; a cluster holds fewer than this.
Partitions = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
#: Kafka's protocol has 32 bits for a record's size.
RecordBytes = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
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
