"""Which of our modules import which, so that a rule can follow a chain of imports to its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.house.sources import imports, modules


@dataclass(frozen=True)
class Graph:
    """The modules of some rooms, by path (``streams/join/label_join.py``), with what they import."""

    #: Module -> (our module that it imports -> the line).
    ours: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Module -> (dotted name of what is not ours -> the line).
    others: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, *rooms: str) -> Graph:
        """Read the modules of the rooms. Importing ``a.b.c`` runs ``a`` and ``a.b`` too, so it counts as all three."""
        trees = dict(modules(*rooms))
        ours: dict[str, dict[str, int]] = {}
        others: dict[str, dict[str, int]] = {}
        for name, tree in trees.items():
            ours[name], others[name] = {}, {}
            for line, imported in imports(tree):
                if imported.partition(".")[0] != "driftbell":
                    others[name].setdefault(imported, line)
                    continue
                for path in _run_by(imported):
                    if path in trees and path != name:
                        ours[name].setdefault(path, line)
        return cls(ours, others)

    def reached(self, start: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Every module that importing one of ``start`` runs, with a shortest chain of modules that leads to it."""
        chains: dict[str, tuple[str, ...]] = {name: (name,) for name in start}
        waiting = deque(chains)
        while waiting:
            name = waiting.popleft()
            for imported in self.ours[name]:
                if imported not in chains:
                    chains[imported] = (*chains[name], imported)
                    waiting.append(imported)
        return chains


def _run_by(imported: str) -> Iterator[str]:
    """The files that an import of ``driftbell.a.b.c`` may run: packages on the way, then the module or package."""
    parts = imported.split(".")[1:]
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        yield f"{path}/__init__.py"
        yield f"{path}.py"


def circles(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """The nodes of a directed graph that can be reached from themselves."""
    found = []
    for start in arrows:
        seen: set[str] = set()
        waiting = [*arrows[start]]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += arrows.get(node, ())
        if start in seen:
            found.append(start)
    return found
