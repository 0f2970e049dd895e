"""What became of the events, counted."""

from __future__ import annotations

import enum
import threading
from collections import Counter
from dataclasses import dataclass, field


class DropReason(enum.StrEnum):
    """Why an event was not published."""

    #: The in-process queue is full: the broker is down, or slower than the service.
    QUEUE_FULL = "queue_full"
    #: Larger than ``message.max.bytes``.
    TOO_LARGE = "too_large"
    #: Holds a value that JSON cannot say.
    NOT_ENCODABLE = "not_encodable"
    #: A label or weight that is NaN or infinite.
    NOT_FINITE = "not_finite"
    #: A weight below zero or above 1,000,000, a latency below zero or above 1,000,000,000 ms.
    OUT_OF_RANGE = "out_of_range"
    #: More features, scores, attributions, tags or dimensions than one event may have.
    TOO_MANY_ENTRIES = "too_many_entries"
    #: A name, a tag, a request id, or a prediction or label that is text, of more than 1,024 characters.
    TEXT_TOO_LONG = "text_too_long"
    #: A model, version, variant or prediction id that is blank or longer than 256 characters.
    BAD_IDENTIFIER = "bad_identifier"
    #: A time without offset, in seconds, outside of the years 1980 to 2199, or not a time at all.
    BAD_TIMESTAMP = "bad_timestamp"
    #: Published after ``close``.
    CLOSED = "closed"
    #: librdkafka would not take it for another reason, which is the last error.
    REFUSED = "refused"
    #: The broker refused it, or ``delivery.timeout.ms`` passed.
    DELIVERY_FAILED = "delivery_failed"
    #: Still in the queue when the client, or the producer inside it, was closed.
    NOT_FLUSHED = "not_flushed"


@dataclass(frozen=True, slots=True)
class Stats:
    """One look at a client: ``published`` is ``delivered``, ``waiting`` and the two last reasons of ``dropped``."""

    #: Events taken over for delivery.
    published: int = 0
    #: Of these, acknowledged by the broker.
    delivered: int = 0
    #: Of these, still in the queue or on their way.
    waiting: int = 0
    #: Events lost, by reason.
    dropped: dict[DropReason, int] = field(default_factory=dict)
    #: The last thing that went wrong, in words: with an event, its delivery or the connection. Kept after it is over.
    last_error: str | None = None

    @property
    def total_dropped(self) -> int:
        """Events lost, whatever the reason."""
        return sum(self.dropped.values())


class Counts:
    """The counters behind ``Stats``; any thread may count."""

    #: Reasons that an event can meet after it was published.
    _AFTER = (DropReason.DELIVERY_FAILED, DropReason.NOT_FLUSHED)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published = 0
        self._dropped: Counter[DropReason] = Counter()
        self._last_error: str | None = None

    def publish(self) -> None:
        """One event was taken over for delivery."""
        with self._lock:
            self._published += 1

    def drop(self, reason: DropReason, detail: str | None = None) -> None:
        """One event is lost."""
        with self._lock:
            self._dropped[reason] += 1
            self._last_error = detail or self._last_error

    def error(self, text: str) -> None:
        """Something went wrong that loses no event by itself."""
        self._last_error = text

    def stats(self, waiting: int) -> Stats:
        """The counts as they are, with ``waiting`` events in the queue."""
        with self._lock:
            failed = sum(self._dropped[reason] for reason in self._AFTER)
            delivered = max(0, self._published - failed - waiting)
            return Stats(self._published, delivered, waiting, dict(self._dropped), self._last_error)
