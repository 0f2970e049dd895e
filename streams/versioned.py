"""Versioned: the state of one object as a typed struct, which ``streams.encoding`` writes as it stands.

A struct travels as a map of its fields with its version under ``v``. A new field with a default is read from older states as
they are; any other change raises ``tag`` and teaches ``lift`` the way up. What was written before states were typed has no
``v``: that is version 0, whose fields had the same names unless ``lift`` says otherwise.

An earlier release would drop a field that it does not know. So every change of the fields also raises ``CORE_FORMAT`` of the
partition, which an earlier release then refuses as a whole (``tests/streams/state_fields.py`` says how).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from driftbell.streams.encoding import BadStateError, NewerFormatError

#: An array in a state; its type of elements is that of the object that wrote it, which coerces what it reads.
Array = np.ndarray[Any, Any]

_Lift = Callable[[Any], Any]


class Versioned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """Base of all typed states. A state is a copy: nothing in it changes when the object that wrote it goes on.

    >>> class Walk(Versioned, frozen=True, tag=2):
    ...     steps: int
    ...
    ...     @classmethod
    ...     def lift(cls, plain, version):
    ...         return plain if version else {"steps": plain["n"]}
    >>> Walk.read({"n": 3}), Walk.read({"v": 2, "steps": 4})
    (Walk(steps=3), Walk(steps=4))
    """

    @classmethod
    def lift(cls, plain: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The fields of this version from those of an older ``version``; by default only the number has changed."""
        return plain

    @classmethod
    def read(cls, state: object) -> Self:
        """The state from what ``decode`` has read of it, in this version or an older one, or from itself.

        Raises:
            NewerFormatError: a newer driftbell wrote it.
            BadStateError: it is not a state of this kind.
        """
        if isinstance(state, cls):
            return state
        try:
            return msgspec.convert(_current(cls, state), cls)
        except (msgspec.ValidationError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise BadStateError(f"this is no {cls.__name__}: {error!r}") from error


def _current(kind: type[Versioned], state: Any) -> Any:
    """The plain state and all states in it as their current versions have them, so that msgspec can convert it."""
    known = kind.__struct_config__.tag
    assert isinstance(known, int)
    version = state.get("v", 0)
    if version > known:
        raise NewerFormatError(kind.__name__, version, known)
    if version < known:
        state = {name: value for name, value in kind.lift(state, version).items() if name != "v"}
    nested = _nested(kind)
    if not nested:
        return state
    return {name: nested[name](value) if name in nested else value for name, value in state.items()}


@cache
def _nested(kind: type[Versioned]) -> dict[str, _Lift]:
    """The fields of a kind that hold states of their own, each with what brings its value up to date."""
    lifts = {name: _lift_of(hint) for name, hint in get_type_hints(kind).items()}
    return {name: lift for name, lift in lifts.items() if lift is not None}


def _lift_of(hint: Any) -> _Lift | None:
    if inspect.isclass(hint) and issubclass(hint, Versioned):
        return lambda value: _current(hint, value)
    found = [lift for argument in get_args(hint) if argument is not NoneType and (lift := _lift_of(argument))]
    if not found:
        return None
    (lift,) = found
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return lambda value: None if value is None else lift(value)
    if origin is dict:
        return lambda value: {name: lift(item) for name, item in value.items()}
    return lambda value: [lift(item) for item in value]


class NoState(Versioned, frozen=True):
    """The state of what remembers nothing."""
