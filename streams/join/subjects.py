"""Subjects by small numbers, so that a packed prediction does not repeat its model, version and variant."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from driftbell.schemas import Prediction
from driftbell.streams.subject import Subject


class Subjects:
    """Numbers subjects from 0; numbers of subjects that no live slot mentions are used again."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._subjects: list[Subject | None] = []

    def number(self, events: Sequence[Prediction]) -> list[int]:
        """The subject's number of each event; new subjects get the lowest free number."""
        numbers = self._numbers
        out = []
        for event in events:
            name = (event.model, event.version, event.variant)
            number = numbers.get(name)
            out.append(self._add(name) if number is None else number)
        return out

    @property
    def by_number(self) -> Sequence[Subject | None]:
        """Subjects by number, None where a number is free."""
        return self._subjects

    def keep(self, used: Container[int]) -> None:
        """Free the numbers that are not in ``used``."""
        for name, number in list(self._numbers.items()):
            if number not in used:
                del self._numbers[name]
                self._subjects[number] = None
        while self._subjects and self._subjects[-1] is None:
            self._subjects.pop()

    def _add(self, name: tuple[str, str, str]) -> int:
        if len(self._numbers) == len(self._subjects):
            number = len(self._subjects)
            self._subjects.append(Subject(*name))
        else:
            number = self._subjects.index(None)
            self._subjects[number] = Subject(*name)
        self._numbers[name] = number
        return number

    def state(self) -> list[Any]:
        """The subjects by number, as plain data."""
        return [None if s is None else [s.model, s.version, s.variant] for s in self._subjects]

    def restore(self, state: Sequence[Any]) -> None:
        """Continue from ``state``."""
        self._subjects = [None if name is None else Subject(*name) for name in state]
        self._numbers = {tuple(name): number for number, name in enumerate(state) if name is not None}
