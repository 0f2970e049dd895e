"""The modules that the layers speak of: the graph of the rooms, and the pure cores with all that they run."""

from __future__ import annotations

from functools import cache

from tests.house.graph import Graph
from tests.house.layers import MAY_IMPORT, PURE

ROOMS = sorted(MAY_IMPORT)


@cache
def graph() -> Graph:
    """Every module that the cores could reach."""
    return Graph.of("schemas", "runtime", *ROOMS)


def folder_of(module: str) -> tuple[str, str]:
    """(room, folder or module directly in the room) of ``streams/monitors/drift/shifts.py``: (streams, monitors)."""
    room, _, rest = module.partition("/")
    return room, rest.partition("/")[0].removesuffix(".py")


def core() -> dict[str, tuple[str, ...]]:
    """Every module that a pure folder runs by importing it, with the chain of imports that leads there."""
    return graph().reached(name for name in graph().ours if folder_of(name)[1] in PURE.get(folder_of(name)[0], ()))
