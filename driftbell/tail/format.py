"""One record of any topic as a line for people, or as one JSON object for programs."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from driftbell.runtime.config.model import Topics
from driftbell.runtime.printable import printable
from driftbell.runtime.wording import count
from driftbell.schemas import (
    BadRecord,
    Headers,
    decode_alert,
    decode_feedback,
    decode_metric,
    decode_prediction,
    to_rfc3339,
)
from driftbell.schemas.bad_record import DECODE_ERRORS
from driftbell.schemas.dead_letter import HEADER_PREFIX
from driftbell.streams.records import Input

#: Metric values shown on a line; the rest is in ``--json``.
SHOWN_VALUES = 6


class TopicKind(enum.StrEnum):
    """What a topic carries, by the name that ``--topic`` takes."""

    ALERTS = "alerts"
    ALERTS_ACTIVE = "alerts-active"
    METRICS = "metrics"
    PREDICTIONS = "predictions"
    FEEDBACK = "feedback"
    DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True)
class ConsumedRecord:
    """A record as it was consumed."""

    kind: TopicKind
    topic: str
    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def topic_kinds(topics: Topics) -> dict[str, TopicKind]:
    """Kind by topic name, for all topics of a configuration."""
    return {
        topics.alerts: TopicKind.ALERTS,
        topics.alerts_active: TopicKind.ALERTS_ACTIVE,
        topics.metrics: TopicKind.METRICS,
        **{stream.topic(topics): TopicKind(stream.value) for stream in Input},
        **{stream.dead_letter_topic(topics): TopicKind.DEAD_LETTERS for stream in Input},
    }


def as_json(message: ConsumedRecord) -> str:
    """The record with its position; a value that is not JSON is given as text. A time in no year of RFC 3339 is null."""
    value: object = None
    if message.value is not None:
        try:
            value = msgspec.json.decode(message.value)
        except DECODE_ERRORS:
            value = message.value.decode(errors="replace")
    return msgspec.json.encode(
        {
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "timestamp": _time(message.time_ms),
            "key": _text(message.key),
            "headers": {name: _text(header) for name, header in message.headers},
            "value": value,
        }
    ).decode()


def as_line(message: ConsumedRecord) -> str:
    """One line: the time, what it is, and what a person wants to know of it, control characters escaped.

    Never raises on the content.
    """
    return printable(_line(message))


def _line(message: ConsumedRecord) -> str:
    clock = (_time(message.time_ms) or "")[11:19] or "--:--:--"
    if message.value is None:
        return f"{clock}  {message.kind:<13} {_text(message.key) or '(no key)'}: over (tombstone)"
    try:
        text = _WRITERS[message.kind](message, message.value)
    except BadRecord as bad:
        text = f"{message.topic}[{message.partition}]@{message.offset} cannot be read: {bad}"
    return f"{clock}  {message.kind:<13} {text}"


def _alert(_message: ConsumedRecord, value: bytes) -> str:
    alert = decode_alert(value)
    name = alert.labels.get("alertname", "?")
    severity = alert.labels.get("severity", "")
    summary = alert.annotations.get("summary", "")
    return (
        f"{alert.status.upper():<8} {name} ({severity}) {_subject(alert.labels)}: {summary} [episode {alert.episode}]"
    )


def _metric(_message: ConsumedRecord, value: bytes) -> str:
    metric = decode_metric(value)
    values = "  ".join(f"{name} {number:.4g}" for name, number in list(metric.values.items())[:SHOWN_VALUES])
    window = f"{metric.window_start[11:19]}-{metric.window_end[11:19]}"
    return (
        f"{metric.model} {metric.version} {metric.variant}  {window} r{metric.revision}  "
        f"{count(metric.predictions, 'predictions')}, {count(metric.labels, 'labels')}  {values}"
    )


def _prediction(_message: ConsumedRecord, value: bytes) -> str:
    event = decode_prediction(value)
    answer = f"failed: {event.error}" if event.error is not None else repr(event.prediction)
    latency = f"  {event.latency_ms:.1f} ms" if event.latency_ms is not None else ""
    return (
        f"{event.model} {event.version} {event.variant}  {event.prediction_id}  {answer}  "
        f"{count(len(event.features), 'features')}{latency}"
    )


def _feedback(_message: ConsumedRecord, value: bytes) -> str:
    event = decode_feedback(value)
    return f"{event.model}  {event.prediction_id}  label {event.label!r}"


def _dead_letter(message: ConsumedRecord, value: bytes) -> str:
    said = "  ".join(
        f"{name.removeprefix(HEADER_PREFIX)}={_text(header)}"
        for name, header in message.headers
        if name.startswith(HEADER_PREFIX)
    )
    return f"{said}  {len(value):,} bytes"


_WRITERS: dict[TopicKind, Callable[[ConsumedRecord, bytes], str]] = {
    TopicKind.ALERTS: _alert,
    TopicKind.ALERTS_ACTIVE: _alert,
    TopicKind.METRICS: _metric,
    TopicKind.PREDICTIONS: _prediction,
    TopicKind.FEEDBACK: _feedback,
    TopicKind.DEAD_LETTERS: _dead_letter,
}


def _time(epoch_ms: int) -> str | None:
    """RFC 3339; None for what it cannot write. Kafka takes whatever number a producer sends for a time."""
    try:
        return to_rfc3339(epoch_ms)
    except ValueError:
        return None


def _subject(labels: dict[str, str]) -> str:
    return " ".join(labels[name] for name in ("model", "version", "variant") if name in labels)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="replace")
