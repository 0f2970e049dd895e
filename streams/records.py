"""Kafka records as the core sees them: what a fetch returned, and what is to be published."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, cast

from driftbell.runtime.config.model import Topics
from driftbell.schemas import DeadLetterReason
from driftbell.schemas.codec import decode_feedbacks, decode_predictions
from driftbell.schemas.contract import FEEDBACK, PREDICTION

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the processor needs to know of an input topic."""

    #: Its role: the name of its setting under ``topics``, its name in checkpoints, and the metric label.
    name: str
    #: Values, headers, ``max_bytes`` and ``unknown`` to one event or ``BadRecord`` per value; raises nothing.
    decode: Callable[..., list[Any]]
    #: The name of the count of its good events in checkpoints.
    counted: str
    #: The fields of its contract: what an unknown one may have been meant for.
    fields: frozenset[str]
    #: Whether its records have a place among those of the other merged inputs, by their time. An input that is merged waits
    #: for the others, and has as many partitions as they.
    merged: bool = True


class Input(enum.StrEnum):
    """The inputs of a partition, in the order in which records of equal times go: a label finds its prediction.

    Another input is a line here and its handler in ``Partition``.
    """

    spec: InputSpec

    def __new__(cls, spec: InputSpec) -> Self:
        """A member whose value is the name of the input."""
        member = str.__new__(cls, spec.name)
        member._value_ = spec.name
        member.spec = spec
        return member

    PREDICTIONS = InputSpec("predictions", decode_predictions, "predictions", PREDICTION.fields)
    FEEDBACK = InputSpec("feedback", decode_feedbacks, "labels", FEEDBACK.fields)

    @classmethod
    def named(cls, name: str) -> Self:
        """The input of a name; raises ValueError where there is none."""
        return cls(cast(Any, name))

    def topic(self, topics: Topics) -> str:
        """The configured name of its topic."""
        name: str = getattr(topics, self.spec.name)
        return name

    def dead_letter_topic(self, topics: Topics) -> str:
        """The name of the topic of its dead letters."""
        return self.topic(topics) + topics.dead_letter_suffix


class Output(enum.StrEnum):
    """The outputs of a partition, by role; ``driftbell.runtime.config.model.Topics`` has their names."""

    ALERTS = "alerts"
    ALERTS_ACTIVE = "alerts_active"
    METRICS = "metrics"

    def topic(self, topics: Topics) -> str:
        """The configured name of its topic."""
        name: str = getattr(topics, self.value)
        return name


class RecordLike(Protocol):
    """The attributes of a consumed record that the core reads (aiokafka's ``ConsumerRecord`` has them)."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def timestamp(self) -> int:
        """Epoch milliseconds, by the producer or the broker as the topic is set."""

    @property
    def key(self) -> bytes | None:
        """What the partition was chosen by."""

    @property
    def value(self) -> bytes | None:
        """The event; None for a tombstone."""

    @property
    def headers(self) -> Headers:
        """Names and values."""


class Record(NamedTuple):
    """A record made by hand: in replays and tests. ``timestamp`` is epoch milliseconds."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """A record to publish once the checkpoint that holds it is saved. ``value`` None is a tombstone."""

    output: Output
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A record that could not be used, with its origin and the reason."""

    input: Input
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    reason: DeadLetterReason
    detail: str
