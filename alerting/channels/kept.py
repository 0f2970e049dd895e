"""The settings of a channel in the form in which they are remembered: plain, with the secrets apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from driftbell.runtime.config.router import ChannelConfig
from driftbell.runtime.config.section import Section, secret_fields

S = TypeVar("S", bound=ChannelConfig)

#: Between the steps to a secret. No key of a section and no name of a header has it.
_STEP = "/"


def taken_apart(settings: ChannelConfig) -> tuple[dict[str, Any], dict[str, str]]:
    """What is given, as in the file, and of that the secrets that stand there themselves, by the way to each.

    Files and variables with secrets are named, and not read.
    """
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    secrets: dict[str, str] = {}
    for way in _ways(settings, ()):
        *above, last = way
        within = plain
        for step in above:
            within = within[step]
        value = within.pop(last)
        if value is not None:
            secrets[_STEP.join(way)] = value
    return plain, secrets


def put_together(plain: dict[str, Any], secrets: dict[str, str], kind: type[S]) -> S:
    """The settings again.

    Raises:
        ValueError: another version's settings, which this one does not know.
    """
    whole = msgspec.json.decode(msgspec.json.encode(plain))
    for way, value in secrets.items():
        *above, last = way.split(_STEP)
        within = whole
        for step in above:
            within = within.setdefault(step, {})
        within[last] = value
    return msgspec.convert(whole, kind)


def _ways(value: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Section):
        secret = secret_fields(type(value))
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for name, written in names:
            if name in secret:
                yield (*above, written)
            else:
                yield from _ways(getattr(value, name), (*above, written))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _ways(item, (*above, name))
    elif isinstance(value, list) and any(isinstance(item, Section) for item in value):
        raise TypeError("a list of sections in a channel's settings: say how its secrets are remembered")
