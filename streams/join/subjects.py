"""Subjects by small numbers, so that a packed prediction does not repeat its model, version and variant."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from driftbell.schemas import Prediction
from driftbell.streams.subject import Subject, subject_key


class Subjects:
    """Numbers subjects from 0; numbers of subjects that no live slot mentions are used again."""

    def __init__(self) -> None:
        #: By subject; a plain tuple of the same fields finds it, too.
        self._numbers: dict[tuple[str, ...], int] = {}
        self._subjects: list[Subject | None] = []

    def number(self, events: Sequence[Prediction]) -> list[int]:
        """The subject's number of each event; new subjects get the lowest free number."""
        numbers = self._numbers
        out = []
        for key in map(subject_key, events):
            number = numbers.get(key)
            out.append(self._add(Subject(*key)) if number is None else number)
        return out

    @property
    def by_number(self) -> Sequence[Subject | None]:
        """Subjects by number, None where a number is free."""
        return self._subjects

    def keep(self, used: Container[int]) -> None:
        """Free the numbers that are not in ``used``."""
        for subject, number in list(self._numbers.items()):
            if number not in used:
                del self._numbers[subject]
                self._subjects[number] = None
        while self._subjects and self._subjects[-1] is None:
            self._subjects.pop()

    def _add(self, subject: Subject) -> int:
        if len(self._numbers) == len(self._subjects):
            number = len(self._subjects)
            self._subjects.append(subject)
        else:
            number = self._subjects.index(None)
            self._subjects[number] = subject
        self._numbers[subject] = number
        return number

    def state(self) -> list[Any]:
        """The subjects by number, as plain data."""
        return [None if subject is None else list(subject) for subject in self._subjects]

    def restore(self, state: Sequence[Any]) -> None:
        """Continue from ``state``."""
        self._subjects = [None if fields is None else Subject(*fields) for fields in state]
        self._numbers = {subject: number for number, subject in enumerate(self._subjects) if subject is not None}
