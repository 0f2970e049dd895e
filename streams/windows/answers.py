"""What is known of a subject's answers over all windows: whether it classifies, and its classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from driftbell.runtime.config.model import Monitoring
from driftbell.streams.agreement import Task, is_number
from driftbell.streams.versioned import Versioned

#: Classes that are distinguished; later ones count together as ``OTHER``. As many as the error monitor takes for classes.
MOST_CLASSES: Final = 20
#: Number of "any other class".
OTHER: Final = 0
#: A class name is cut here: what is longer is text, not a class.
LONGEST_NAME: Final = 64


def class_name(value: float | int | str | bool) -> str:
    """The name of a class as JSON text: 1, 1.0 and "1" are one class, true and "true" another.

    Two values have one name exactly where ``driftbell.streams.agreement.agrees`` says that they agree.
    """
    if type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return str(value)


class AnswersState(Versioned, frozen=True):
    """The classes in the order of their numbers, the task if it was found out, and whether a class had no number left."""

    classes: list[str]
    found: Task | None = None
    overflowed: bool = False


class Answers:
    """Learns from every prediction and label. Classes are numbered from 1 as they come."""

    def __init__(self, settings: Monitoring) -> None:
        self._configured = None if settings.task == "auto" else Task(settings.task)
        self._positive = settings.positive_class
        self._numbers: dict[str, int] = {}
        self._found: Task | None = None
        #: Whether a value had no number left.
        self.overflowed = False

    @property
    def task(self) -> Task:
        """As configured, else found out; whole numbers of few values are classes."""
        return self._configured or self._found or Task.CLASSIFICATION

    @property
    def settled(self) -> bool:
        """Whether the task is known for good."""
        return self._configured is not None or self._found is not None

    @property
    def positive_name(self) -> str | None:
        """The configured positive class."""
        return self._positive

    @property
    def positive(self) -> int | None:
        """Number of the positive class of a binary classifier, None if it is not binary (or not yet seen to be).

        Unless configured it is the last of the two by name, as scikit-learn orders classes: 1 of 0 and 1, true of false
        and true, yes of no and yes.
        """
        if self.overflowed:
            return None
        if self._positive is None:
            return self._numbers[max(self._numbers)] if len(self._numbers) == 2 else None
        # The configured class may not have come yet; -1 is a class without a single event.
        known = self._numbers.keys() | {self._positive}
        return self._numbers.get(self._positive, -1) if len(known) <= 2 else None

    def learn(self, values: Iterable[float | int | str | bool]) -> None:
        """Take predictions or labels."""
        if self.settled and self.task is Task.REGRESSION:
            return
        for value in values:
            if self._configured is None and self._found is None:
                self._find(value)
            if self.task is Task.CLASSIFICATION:
                self.number(class_name(value))

    def number(self, name: str) -> int:
        """The number of a class, a new one if there is one left."""
        name = name[:LONGEST_NAME]
        number = self._numbers.get(name)
        if number is not None:
            return number
        if len(self._numbers) < MOST_CLASSES:
            self._numbers[name] = number = len(self._numbers) + 1
            return number
        self.overflowed = True
        return OTHER

    def _find(self, value: float | int | str | bool) -> None:
        if not is_number(value):
            self._found = Task.CLASSIFICATION
        elif not float(value).is_integer() or (
            len(self._numbers) >= MOST_CLASSES and class_name(value) not in self._numbers
        ):
            self._found = Task.REGRESSION

    def state(self) -> AnswersState:
        """Everything that was learned, copied."""
        return AnswersState(classes=list(self._numbers), found=self._found, overflowed=self.overflowed)

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = AnswersState.read(state)
        self._numbers = {name: number for number, name in enumerate(saved.classes, start=1)}
        self._found = saved.found
        self.overflowed = saved.overflowed
