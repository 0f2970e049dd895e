"""Subjects by small numbers, so that a packed prediction does not repeat its model, version and variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any

from driftbell.schemas import Prediction
from driftbell.streams.subject import Run, Subject, subject_key


def runs_of(events: Iterable[Prediction]) -> list[Run]:
    """Where each run of one subject starts, from 0, and its key."""
    runs: list[Run] = []
    last = None
    for place, event in enumerate(events):
        key = subject_key(event)
        if key != last:
            runs.append((place, key))
            last = key
    return runs


class Subjects:
    """Numbers subjects from 0; numbers of subjects that no live slot mentions are used again."""

    def __init__(self) -> None:
        #: By subject; a plain tuple of the same fields finds it, too.
        self._numbers: dict[tuple[str, ...], int] = {}
        self._subjects: list[Subject | None] = []

    def number(self, runs: Sequence[Run], length: int) -> tuple[list[int], Counter[int]]:
        """The number of each event's subject, and how many events have it; new subjects get the lowest free number.

        Args:
            runs: See ``runs_of``.
            length: Of how many events.
        """
        numbers: list[int] = []
        counts: Counter[int] = Counter()
        ends = [start for start, _ in runs[1:]]
        for (start, key), end in zip(runs, [*ends, length], strict=True):
            number = self._numbers.get(key)
            if number is None:
                number = self._add(Subject(*key))
            numbers += [number] * (end - start)
            counts[number] += end - start
        return numbers, counts

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
