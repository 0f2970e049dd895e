"""River's objects as plain data and back, without pickle: nothing in a state names a class or runs code.

A state is written into a freshly built detector of the same class, attribute by attribute; the fresh object decides
what exists. River's compiled parts give and take their memory as bytes (``__getstate__``, ``__setstate__``).
"""

from __future__ import annotations

import collections
import inspect
import random
from collections.abc import Mapping
from typing import Any

import numpy as np


def encode(thing: Any) -> dict[str, Any]:
    """The attributes of a River object as plain data; bound methods are left out.

    Raises:
        TypeError: an attribute is of a kind that is not known here (a new River?).
    """
    return {name: _encode(value) for name, value in vars(thing).items() if not inspect.ismethod(value)}


def decode_into(thing: Any, state: Mapping[str, Any]) -> None:
    """Write ``state`` into a fresh River object of the same class.

    Raises:
        ValueError: the state does not fit the object.
    """
    for name, value in state.items():
        if name not in vars(thing):
            raise ValueError(f"{type(thing).__name__} has no attribute {name!r}")
        setattr(thing, name, _decode(value, vars(thing)[name]))


def _encode(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, collections.deque):
        return {"deque": [_encode(item) for item in value]}
    if isinstance(value, random.Random):
        version, internal, gauss = value.getstate()
        return {"random": {"version": version, "internal": np.array(internal, np.uint32), "gauss": gauss}}
    if hasattr(value, "__dict__"):
        return {"object": encode(value)}
    memory = value.__getstate__()
    if isinstance(memory, bytes):
        return {"memory": memory}
    raise TypeError(f"cannot write {type(value).__name__} as plain data")


def _decode(value: Any, fresh: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    (kind, content), *rest = value.items()
    if rest:
        raise ValueError("one kind per value expected")
    if kind == "deque" and isinstance(fresh, collections.deque):
        return collections.deque(content, maxlen=fresh.maxlen)
    if kind == "random" and isinstance(fresh, random.Random):
        internal = tuple(int(word) for word in content["internal"])
        fresh.setstate((content["version"], internal, content["gauss"]))
        return fresh
    if kind == "object" and hasattr(fresh, "__dict__"):
        decode_into(fresh, content)
        return fresh
    if kind == "memory" and hasattr(fresh, "__setstate__"):
        fresh.__setstate__(content)
        return fresh
    raise ValueError(f"a {kind} does not fit {type(fresh).__name__}")
