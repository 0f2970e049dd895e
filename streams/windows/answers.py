"""What is known of a subject's answers over all windows: whether it classifies, and its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftbell.runtime.config.model import Monitoring
from driftbell.streams.agreement import Task, class_name, class_order
from driftbell.streams.stats.task_finder import MOST_CLASSES, TaskFinder, TaskFinderState
from driftbell.streams.versioned import Versioned

#: Number of "any other class": classes that are distinguished are as many as the task finder takes for classes.
OTHER: Final = 0
#: A class name is cut here: what is longer is text, not a class.
LONGEST_NAME: Final = 64
#: Values (predictions and labels) after which the task is decided for good.
_DECIDED_AFTER: Final = 1000

Answer = float | int | str | bool


class AnswersState(Versioned, frozen=True):
    """The classes in the order of their numbers, the task or what is counted for it, and whether a class got no number."""

    classes: list[str]
    found: Task | None = None
    overflowed: bool = False
    finder: TaskFinderState | None = None


class Answers:
    """Learns from every prediction and label. Classes are numbered from 1 as they come."""

    def __init__(self, settings: Monitoring) -> None:
        self._configured = None if settings.task == "auto" else Task(settings.task)
        self._positive = None if settings.positive_class is None else class_name(settings.positive_class)
        #: Names by number, and numbers by name. Two old names may have become one: the first number counts.
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._found: Task | None = None
        self._finder = TaskFinder()
        #: Whether a value had no number left.
        self.overflowed = False

    @property
    def task(self) -> Task:
        """As configured, else what most of the values say."""
        return self._configured or self._found or self._finder.task

    @property
    def settled(self) -> bool:
        """Whether the task is known for good."""
        return self._configured is not None or self._found is not None

    @property
    def measures(self) -> bool:
        """Whether it is known for good that the model measures: until then classes are counted, too."""
        return self.settled and self.task is Task.REGRESSION

    @property
    def positive_name(self) -> str | None:
        """The configured positive class."""
        return self._positive

    @property
    def positive(self) -> int | None:
        """Number of the positive class of a binary classifier, None if it is not binary (or not yet seen to be).

        Unless configured it is the last of the two in ``class_order``, as scikit-learn orders classes: 1 of 0 and 1, 10 of 9
        and 10, true of false and true, yes of no and yes.
        """
        if self.overflowed:
            return None
        if self._positive is None:
            return self._numbers[max(self._numbers, key=class_order)] if len(self._numbers) == 2 else None
        # The configured class may not have come yet; -1 is a class without a single event.
        known = self._numbers.keys() | {self._positive}
        return self._numbers.get(self._positive, -1) if len(known) <= 2 else None

    def learn(self, values: Sequence[Answer]) -> None:
        """Take predictions or labels."""
        if not self.settled:
            self._finder.update(values)
            if self._finder.values >= _DECIDED_AFTER:
                self._found, self._finder = self._finder.task, TaskFinder()
        if self.measures:
            return
        for value in dict.fromkeys(values):
            self.number(class_name(value))

    def known(self, name: str) -> int | None:
        """The number of a class, None for what was neither predicted nor a label so far."""
        return self._numbers.get(name[:LONGEST_NAME])

    def number(self, name: str) -> int:
        """The number of a class, a new one if there is one left."""
        name = name[:LONGEST_NAME]
        number = self._numbers.get(name)
        if number is not None:
            return number
        if len(self._names) < MOST_CLASSES:
            self._names.append(name)
            self._numbers[name] = number = len(self._names)
            return number
        self.overflowed = True
        return OTHER

    def state(self) -> AnswersState:
        """Everything that was learned, copied."""
        finder = None if self.settled else self._finder.state()
        return AnswersState(classes=list(self._names), found=self._found, overflowed=self.overflowed, finder=finder)

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = AnswersState.read(state)
        self._names = list(saved.classes)
        self._numbers = {}
        for number, name in enumerate(self._names, start=1):
            # Older states name true and 1 apart.
            self._numbers.setdefault(class_name(name), number)
        self._found = saved.found
        self.overflowed = saved.overflowed
        if saved.finder is not None:
            self._finder.restore(saved.finder)
