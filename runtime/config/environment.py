"""Environment variables that override single keys: ``DRIFTBELL_WORKER__TICK=2s`` is ``worker.tick``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from driftbell.runtime.config.document import Document, Loose, Path, Place
from driftbell.runtime.config.section import Section
from driftbell.runtime.kafka.names import FILE_SUFFIX, SECRETS

PREFIX = "DRIFTBELL_"
#: Between the steps of a path; a single underscore is part of a key.
SEPARATOR = "__"


def lay_over(document: Document, variables: Mapping[str, str], model: type[Section]) -> None:
    """Put every ``DRIFTBELL_<SECTION>__<KEY>`` into the document. Variables without ``__`` are not keys."""
    for name, text in sorted(variables.items()):
        if name.startswith(PREFIX) and SEPARATOR in name:
            steps = name.removeprefix(PREFIX).split(SEPARATOR)
            path = tuple(_path(steps, inspect.type_info(model), document.root))
            document.put(path, Loose(text), Place(f"environment variable {name}"))


def _path(steps: list[str], kind: inspect.Type, existing: Any) -> Iterator[str]:
    path: Path = ()
    for step in steps:
        kind = inner(kind)
        if path == ("kafka",):
            key = _kafka_name(step)
        elif isinstance(kind, inspect.StructType):
            key = step.lower()
            fields = {field.encode_name: field.type for field in kind.fields}
            kind = fields.get(key, inspect.AnyType())
        else:
            # The keys of a mapping are names that people chose, which a variable's name cannot spell.
            key = next((one for one in existing or () if _plain(one) == _plain(step)), step.lower())
            kind = kind.value_type if isinstance(kind, inspect.DictType) else inspect.AnyType()
        existing = existing.get(key) if isinstance(existing, dict) else None
        path = (*path, key)
        yield key


def inner(kind: inspect.Type) -> inspect.Type:
    """A type without its metadata, and what is set where it may be absent."""
    while True:
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        else:
            return kind


def _kafka_name(step: str) -> str:
    """``SASL_PASSWORD`` -> ``sasl.password``; ``SASL_PASSWORD_FILE`` -> ``sasl.password_file``."""
    name = step.lower().replace("_", ".")
    secret = name.removesuffix(".file")
    return secret + FILE_SUFFIX if secret in SECRETS and secret != name else name


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", key.lower())
