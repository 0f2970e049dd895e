"""What a fake does wrong on purpose: a script of faults, used up one request at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong answer.

    ``answer``: reply with ``status``, ``headers`` and ``body`` and do nothing else. ``lose``: do what was asked, then
    drop the connection without a reply. ``drop``: read the request, do nothing, drop the connection. ``hang``: read the
    request, do nothing, say nothing, until the fake stops.
    """

    kind: Literal["answer", "lose", "drop", "hang"] = "answer"
    status: int = 500
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Faults:
    """The script; empty means that all goes well."""

    def __init__(self) -> None:
        self._script: deque[Fault] = deque()

    def add(self, fault: Fault, times: int = 1) -> None:
        """Let the next requests fail like this, after those that are in the script already."""
        self._script.extend([fault] * times)

    def clear(self) -> None:
        """Be well again."""
        self._script.clear()

    def next(self) -> Fault | None:
        """The fault of the present request; None when it goes well."""
        return self._script.popleft() if self._script else None

    def __len__(self) -> int:
        return len(self._script)
