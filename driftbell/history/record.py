"""What a history consists of: records that can be replayed, and skips that say why one cannot."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from driftbell.schemas.timestamps import to_epoch_ms

Input = Literal["predictions", "feedback"]


class HistoryRecord(NamedTuple):
    """One event, as the bytes that were (or would have been) published, and the time of its Kafka record."""

    input: Input
    time_ms: int
    value: bytes


class LaterLabel(NamedTuple):
    """A label that stands beside its prediction and became known later: it waits for its time."""

    record: HistoryRecord


class SkipReason(enum.StrEnum):
    """Why an entry of a file is not replayed. What is wrong with an *event* is the core's business, not this list's."""

    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    NO_TIME = "no_time"
    OTHER_TOPIC = "other_topic"
    TOMBSTONE = "tombstone"
    #: A row of a table that has not as many cells as the table has columns, or a value that cannot be read.
    BAD_ROW = "bad_row"
    #: The file ends in the middle; what stands before is read.
    CUT_SHORT = "cut_short"


class Skip(NamedTuple):
    """An entry that was passed over. ``place`` is ``file:line`` or ``file:row``."""

    reason: SkipReason
    place: str
    detail: str


#: What a source gives.
Entry = HistoryRecord | LaterLabel | Skip


@dataclass(frozen=True, slots=True)
class InputTopics:
    """The names under which entries that carry a topic are recognised."""

    predictions: str
    feedback: str

    def input(self, topic: str) -> Input | None:
        """The input a topic feeds; None for any other topic."""
        if topic == self.predictions:
            return "predictions"
        return "feedback" if topic == self.feedback else None


class Source(Protocol):
    """One file. ``entries`` yields in file order; ``bytes_read`` moves on while it does."""

    name: str
    bytes_total: int
    bytes_read: int

    @property
    def notes(self) -> list[str]:
        """Sentences about how the file was understood, complete when the entries are exhausted."""

    def entries(self) -> Iterator[Entry]:
        """Every entry, each as a record or as the reason why not."""


def inputs_of(*, version: bool, answer: bool, label: bool) -> tuple[Input, ...]:
    """Which inputs an entry belongs to, by the fields it has; both if it holds a prediction and its label; none if neither.

    Args:
        answer: it has a ``prediction`` or an ``error``.
    """
    if label:
        return ("predictions", "feedback") if answer else ("feedback",)
    return ("predictions",) if version or answer else ()


def record_time(timestamp: object) -> int:
    """The event's own time, which stands for the record's where the file has none. Raises ValueError."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float | str):
        raise ValueError(  # noqa: TRY004 - the caller tells one error from the rest, not two
            "no `timestamp`, and a file has no time of a record; name its column with --map timestamp=COLUMN"
        )
    return to_epoch_ms(timestamp)
