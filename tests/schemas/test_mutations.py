"""Bytes flipped, cut and doubled in records and headers: whatever comes of it, the codecs read it or say why not."""

from __future__ import annotations

import contextlib
import json
import random

import pytest

from driftbell.schemas import (
    BadRecord,
    DeadLetterReason,
    Feedback,
    Headers,
    Prediction,
    UnknownFields,
    dead_letter_headers,
    decode_alert,
    decode_feedbacks,
    decode_metric,
    decode_predictions,
    to_epoch_ms,
    traceparent_of,
)
from driftbell.schemas.cloudevents import read_attributes
from tests.schemas.files import schema

MUTATIONS = 20_000
#: What parsers stumble over.
MORSELS = [b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"]
MORSELS += [b"NaN", b"1e999", b"-0", b"9" * 400, b"[" * 2000, b"null", b"true", b'"\\ud800"', b"\xc3\xa9", b"\r\n"]


def mutated(rng: random.Random, value: bytes) -> bytes:
    """``value`` with one to four changes."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(value))
        end = min(len(value), start + rng.choice((0, 1, 1, 1, 2, 8, 64)))
        piece = rng.choice((rng.choice(MORSELS), rng.randbytes(rng.randint(1, 4)), value[start:end] * 2))
        value = value[:start] + piece + value[end:]
    return value


def valid(name: str) -> list[bytes]:
    examples = [json.dumps(example).encode() for example in schema(name)["examples"]]
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-11-24T12:00:00Z"}
    wrapped = [json.dumps({**envelope, "data": json.loads(example)}).encode() for example in examples]
    return [*examples, *wrapped, *(b"\x00\x00\x00\x00\x01" + example for example in examples)]


HEADERS: list[list[tuple[bytes, bytes]]] = [
    [(b"content-type", b"application/json"), (b"ce_time", b"2026-11-24T12:00:00Z"), (b"ce_id", b"1")],
    [(b"content-type", b"application/cloudevents+json; charset=utf-8")],
    [(b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
]


def headers_of(rng: random.Random) -> Headers:
    """Mutated headers as a client hands them over: names are text, values bytes or null."""
    return [
        (
            mutated(rng, name).decode(errors="replace") if rng.random() < 0.3 else name.decode(),
            rng.choice((None, mutated(rng, value), mutated(rng, value), value)),
        )
        for name, value in rng.choice(HEADERS)
    ]


@pytest.mark.slow
def test_no_mutation_of_a_record_or_its_headers_raises_anything_but_a_named_reason() -> None:
    rng = random.Random(20261124)
    inputs = {decode_predictions: valid("prediction"), decode_feedbacks: valid("feedback")}
    reasons = set()
    good = 0
    unknown = UnknownFields()
    for number in range(MUTATIONS):
        decode = (decode_predictions, decode_feedbacks)[number % 2]
        value, headers = mutated(rng, rng.choice(inputs[decode])), headers_of(rng)
        (event,) = decode([value], [headers], unknown=unknown)
        traceparent_of(headers)
        read_attributes(headers)
        if isinstance(event, BadRecord):
            assert event.detail
            reasons.add(event.reason)
            dead_letter_headers("predictions", 0, number, event.reason, event.detail)
            continue
        assert isinstance(event, Prediction | Feedback)
        good += 1
        if event.timestamp is not None:
            with contextlib.suppress(ValueError):  # a dead letter of the engine's
                assert isinstance(to_epoch_ms(event.timestamp), int)
    assert good > MUTATIONS / 20
    assert reasons >= {DeadLetterReason.NOT_JSON, DeadLetterReason.WRONG_TYPE, DeadLetterReason.MISSING_FIELD}


def test_no_mutation_of_an_output_raises_anything_but_a_named_reason() -> None:
    rng = random.Random(20261124)
    for decode, name in ((decode_alert, "alert"), (decode_metric, "metric")):
        values = valid(name)
        for _ in range(MUTATIONS // 10):
            with contextlib.suppress(BadRecord):
                decode(mutated(rng, rng.choice(values)), headers_of(rng))
