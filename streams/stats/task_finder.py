"""Finds out whether a model classifies or measures, by a majority that a few dirty values do not sway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from driftbell.streams.agreement import Task, value_of
from driftbell.streams.versioned import Versioned

#: Whole numbers of at most so many values are classes ...
MOST_CLASSES: Final = 20
#: ... that is, where so many values make up this share of all whole numbers.
_COVERED: Final = 0.99
#: Numbers are measured where this share of them has a fraction: fewer are dirt among classes.
_FRACTIONS: Final = 0.05
#: Whole numbers told apart while counting.
_COUNTED: Final = 64


class TaskFinderState(Versioned, frozen=True):
    """Values by what they are: texts and booleans, numbers with a fraction, whole numbers by their hexadecimal value."""

    values: int
    words: int
    fractions: int
    others: int
    whole: dict[str, int]


class TaskFinder:
    """Counts values (predictions and labels) by what they are.

    Texts and booleans speak for classification, numbers with fractions and whole numbers of many values for regression; the
    majority decides. One label "n/a" among numbers, or one 0.5 among classes 0 and 1, changes nothing.

    >>> finder = TaskFinder()
    >>> finder.update([0, 1, 1, 0] * 100 + [0.5])
    >>> finder.task.value
    'classification'
    """

    def __init__(self) -> None:
        #: Values seen, and among them texts and booleans, and numbers with a fraction.
        self.values = 0
        self._words = 0
        self._fractions = 0
        #: Whole numbers by value, and those beyond the first ``_COUNTED`` values.
        self._whole: Counter[str] = Counter()
        self._others = 0

    def update(self, values: Iterable[Any]) -> None:
        """Take predictions or labels."""
        for answer, count in Counter(values).items():
            self.values += count
            value = value_of(answer)
            if type(answer) is bool or type(value) is str:
                self._words += count
            elif type(value) is float and not value.is_integer():
                self._fractions += count
            else:
                name = f"{int(value):x}"
                if name in self._whole or len(self._whole) < _COUNTED:
                    self._whole[name] += count
                else:
                    self._others += count

    @property
    def task(self) -> Task:
        """What most of the values say; classification before there are any."""
        numbers = self.values - self._words
        if self._words >= numbers:
            return Task.CLASSIFICATION
        if self._fractions > _FRACTIONS * numbers:
            return Task.REGRESSION
        whole = self._whole.total() + self._others
        covered = sum(count for _, count in self._whole.most_common(MOST_CLASSES))
        return Task.CLASSIFICATION if covered >= _COVERED * whole else Task.REGRESSION

    def state(self) -> TaskFinderState:
        """The counts, copied."""
        return TaskFinderState(
            values=self.values,
            words=self._words,
            fractions=self._fractions,
            others=self._others,
            whole=dict(self._whole),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = TaskFinderState.read(state)
        self.values, self._words, self._fractions = saved.values, saved.words, saved.fractions
        self._others, self._whole = saved.others, Counter(saved.whole)
