"""What a history consists of: records that can be replayed, and skips that say why one cannot."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import msgspec

from driftbell.schemas.timestamps import to_epoch_ms

Input = Literal["predictions", "feedback"]


class HistoryRecord(NamedTuple):
    """One event, as the bytes that were (or would have been) published, and the time of its Kafka record."""

    input: Input
    time_ms: int
    value: bytes


class SkipReason(enum.StrEnum):
    """Why an entry of a file is not replayed. What is wrong with an *event* is the core's business, not this list's."""

    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    NO_TIME = "no_time"
    OTHER_TOPIC = "other_topic"
    TOMBSTONE = "tombstone"


class Skip(NamedTuple):
    """An entry that was passed over. ``place`` is ``file:line`` or ``file:row``."""

    reason: SkipReason
    place: str
    detail: str


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

    def entries(self) -> Iterator[HistoryRecord | Skip]:
        """Every entry, each as a record or as the reason why not."""


def input_of(fields: msgspec.Struct | dict[str, object]) -> Input | None:
    """Which input an event belongs to: a prediction has a version, a label has a label; None for neither."""
    has = fields.__contains__ if isinstance(fields, dict) else lambda name: getattr(fields, name) is not msgspec.UNSET
    if has("version"):
        return "predictions"
    return "feedback" if has("label") else None


def record_time(timestamp: object) -> int:
    """The event's own time, which stands for the record's where the file has none. Raises ValueError."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float | str):
        raise ValueError("no `timestamp`")  # noqa: TRY004 - the caller tells one error from the rest, not two
    return to_epoch_ms(timestamp)
