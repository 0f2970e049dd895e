"""The dead letter: a record that could not be used, kept whole with its reason."""

from __future__ import annotations

import enum

#: Prefix of every header driftbell adds to a dead letter; the words after it are Kafka Connect's where it has one.
HEADER_PREFIX = "dlq."

#: What a dead letter that was cut to fit its topic carries besides: how long the key or value was, its hash, where the gap is
#: and how long; and how many of the record's own headers are missing.
CUT_HEADERS = (
    *(
        f"{HEADER_PREFIX}{what}.{name}"
        for what in ("key", "value")
        for name in ("bytes", "sha256", "omitted.at", "omitted.bytes")
    ),
    HEADER_PREFIX + "headers.omitted",
)

#: Longest ``dlq.exception.message`` in bytes: a broker limits headers and value together, and the value is at hand.
MAX_DETAIL_BYTES = 1024


class DeadLetterReason(enum.StrEnum):
    """Why a record went to ``<topic>.DLQ``. The value is the header, the log field and the metric label."""

    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    #: NaN or Infinity, or a number larger than a 64-bit float can hold.
    NOT_FINITE = "not_finite"
    #: A number that no event of this kind can have, such as a negative weight (``schemas.limits``).
    OUT_OF_RANGE = "out_of_range"
    #: More features, scores, tags or dimensions than one event may have.
    TOO_MANY_ENTRIES = "too_many_entries"
    #: A name, a tag, or a prediction or label that is text, longer than such may be.
    TEXT_TOO_LONG = "text_too_long"
    TOO_LARGE = "too_large"
    REGISTRY_FRAMED = "registry_framed"
    #: Announced as a structured CloudEvent, and it is none.
    BAD_CLOUDEVENT = "bad_cloudevent"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    EMPTY_IDENTIFIER = "empty_identifier"
    IDENTIFIER_TOO_LONG = "identifier_too_long"
    TOO_MANY_MODELS = "too_many_models"
    #: The worker failed at it again and again, through a fault of its own.
    POISON_RECORD = "poison_record"
    #: Kafka's client could not read the record, or the batch that holds it.
    UNREADABLE = "unreadable"


def dead_letter_headers(
    topic: str, partition: int, offset: int, reason: DeadLetterReason, detail: str
) -> list[tuple[str, bytes]]:
    """The headers that say where a dead letter comes from and why; its key, value and own headers stay untouched.

    Topic, partition and offset are the record's identity: a reader drops what it has seen under the same three.
    Numbers are decimal text, as Kafka Connect writes them.
    """
    return [
        (HEADER_PREFIX + "topic", topic.encode()),
        (HEADER_PREFIX + "partition", b"%d" % partition),
        (HEADER_PREFIX + "offset", b"%d" % offset),
        (HEADER_PREFIX + "reason", reason.value.encode()),
        (HEADER_PREFIX + "exception.message", _cut(detail)),
    ]


def _cut(detail: str) -> bytes:
    encoded = detail.encode(errors="backslashreplace")
    if len(encoded) <= MAX_DETAIL_BYTES:
        return encoded
    return encoded[:MAX_DETAIL_BYTES].decode(errors="ignore").encode()
