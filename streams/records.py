"""Kafka records as the core sees them: what a fetch returned, and what is to be published."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from driftbell.schemas import DeadLetterReason

Headers = Sequence[tuple[str, bytes]]


class Input(enum.StrEnum):
    """The two inputs of a partition. On equal times predictions go first, so that a label finds its prediction."""

    PREDICTIONS = "predictions"
    FEEDBACK = "feedback"


class Output(enum.StrEnum):
    """The outputs of a partition, by role; ``driftbell.runtime.config.model.Topics`` has their names."""

    ALERTS = "alerts"
    ALERTS_ACTIVE = "alerts_active"
    METRICS = "metrics"


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
