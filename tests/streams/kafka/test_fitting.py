"""Whatever is published fits its topic: dead letters keep their ends, alerts what identifies them."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from driftbell.schemas import Alert, Evidence, FeatureShift
from driftbell.schemas.codec import encode_alert
from driftbell.schemas.dead_letter import CUT_HEADERS, DeadLetterReason, dead_letter_headers
from driftbell.streams.kafka.fitting import Message, Shape, fit

ORIGIN = dead_letter_headers("predictions", 3, 1234567, DeadLetterReason.NOT_JSON, "x" * 5000)
MOST = 1_048_588


def letter(key: bytes | None, value: bytes | None, *headers: tuple[str, bytes]) -> Message:
    return Message(Shape.DEAD_LETTER, "predictions.DLQ", key, value, [*headers, *ORIGIN])


def batch_size(message: Message) -> int:
    """The size of a real batch that holds the message alone."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, 1, 1, 0, 10**9)
    builder.append(0, 10**13, message.key, message.value, list(message.headers))
    return len(builder.build())


GIANTS = {
    "key": letter(b"k" * 1_048_400, b"{"),
    "value": letter(b"model", bytes(range(256)) * 8000),
    "both": letter(b"k" * 3_000_000, b"v" * 3_000_000),
    "headers": letter(b"model", b"{", *[(f"h{i}", b"x" * 100_000) for i in range(40)]),
    "one header": letter(b"model", b"{", ("h", b"x" * 2_000_000)),
    "a name of a header": letter(b"model", b"{", ("é" * 700_000, b"")),
    "all": letter(b"k" * 2_000_000, b"v" * 2_000_000, ("h", b"x" * 2_000_000)),
    "null value": letter(b"k" * 2_000_000, None),
    "null key": letter(None, b"v" * 1_048_500),
}


@pytest.mark.parametrize("most", [MOST, 100_000, 16_384])
@pytest.mark.parametrize("giant", GIANTS.values(), ids=GIANTS)
def test_a_dead_letter_of_any_size_fits_its_topic_and_says_where_it_came_from(giant: Message, most: int) -> None:
    cut = fit(giant, most)

    assert cut is not None
    assert batch_size(cut) <= cut.size <= most
    said = dict(cut.headers)
    assert (said["dlq.topic"], said["dlq.partition"], said["dlq.offset"]) == (b"predictions", b"3", b"1234567")
    assert said["dlq.reason"] == b"not_json"


@pytest.mark.parametrize("what", ["key", "value"])
def test_what_was_cut_keeps_both_ends_its_length_and_its_hash(what: str) -> None:
    whole = bytes(range(256)) * 8000
    cut = fit(letter(whole, b"{") if what == "key" else letter(b"model", whole), MOST)

    assert cut is not None
    kept = cut.key if what == "key" else cut.value
    assert kept is not None
    said = dict(cut.headers)
    at, omitted = int(said[f"dlq.{what}.omitted.at"]), int(said[f"dlq.{what}.omitted.bytes"])
    assert int(said[f"dlq.{what}.bytes"]) == len(whole)
    assert said[f"dlq.{what}.sha256"].decode() == hashlib.sha256(whole).hexdigest()
    assert kept == whole[:at] + whole[at + omitted :]
    assert 0 < at < len(kept)
    assert said.keys() - dict(ORIGIN).keys() <= set(CUT_HEADERS)


def test_what_fits_is_left_as_it_is() -> None:
    message = letter(b"k" * 5000, b"v" * 900_000, ("h", b"x" * 50_000))

    assert fit(message, MOST) is message


def alert(name: str, shifts: int) -> Message:
    whole = Alert(
        id="1",
        fingerprint="2",
        status="firing",
        labels={"alertname": "FeatureDrift", "model": "fraud"},
        annotations={"summary": name * 3, "description": name * 4},
        startsAt="2026-01-01T00:00:00Z",
        updatedAt="2026-01-01T00:00:00Z",
        episode=1,
        reason="fired",
        evidence=Evidence(metric="psi", value=0.4, features=[FeatureShift(feature=name, evidence=1.0)] * shifts),
    )
    return Message(Shape.ALERT, "alerts", b"2", encode_alert(whole))


def test_an_alert_that_is_too_large_keeps_who_it_is_and_its_numbers() -> None:
    cut = fit(alert("f" * 200_000, 10), MOST)

    assert cut is not None
    assert cut.size <= MOST
    said = msgspec.json.decode(cut.value or b"", type=Alert)
    assert (said.id, said.fingerprint, said.labels["model"], said.evidence.value) == ("1", "2", "fraud", 0.4)
    assert said.annotations["summary"].startswith("fff")


def test_an_alert_that_cannot_be_made_to_fit_is_left_out_rather_than_refused_for_ever() -> None:
    message = alert("f", 1)
    message = Message(Shape.ALERT, "alerts", b"2" * 10_000, message.value)

    assert fit(message, 5000) is None
