"""Events as services write them: what differs from the contract in form only is taken, and means the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import (
    BadRecord,
    DeadLetterReason,
    Headers,
    UnknownFields,
    decode_feedback,
    decode_prediction,
    decode_predictions,
)
from driftbell.schemas.contract import FEEDBACK, PREDICTION
from driftbell.schemas.unknown_fields import MOST_NAMES, OTHERS, describe, nearest

NOON = 1_795_521_600_000
GOOD: dict[str, Any] = {"prediction_id": "17", "model": "fraud", "version": "3", "timestamp": NOON, "prediction": 1}
LABEL: dict[str, Any] = {"prediction_id": "17", "model": "fraud", "label": 0, "timestamp": NOON}
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)


def value(document: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**document, **fields}).encode()


def without_time(**fields: Any) -> bytes:
    return json.dumps({**{name: GOOD[name] for name in GOOD if name != "timestamp"}, **fields}).encode()


def envelope(data: dict[str, Any], **attributes: Any) -> bytes:
    required = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "prediction"}
    return json.dumps({**required, **attributes, "data": data}).encode()


@pytest.mark.parametrize("written", ["17", "17.0", "1.7e1"])
def test_a_whole_number_for_an_id_is_read_as_its_digits_so_that_the_label_finds_its_prediction(written: str) -> None:
    prediction = decode_prediction(value(GOOD, prediction_id="@").replace(b'"@"', written.encode()))
    label = decode_feedback(value(LABEL, prediction_id="@").replace(b'"@"', written.encode()))

    assert prediction.prediction_id == label.prediction_id == "17"


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_number_of_64_bits_is_an_identifier(number: int) -> None:
    event = decode_prediction(value(GOOD, prediction_id=number, model=number, version=number, variant=number))

    assert {event.prediction_id, event.model, event.version, event.variant} == {str(number)}


def test_numbers_and_truths_are_tags_and_request_ids() -> None:
    event = decode_prediction(value(GOOD, request_id=9, tags={"shop": 4, "new": True, "old": False, "channel": "web"}))

    assert event.request_id == "9"
    assert event.tags == {"shop": "4", "new": "true", "old": "false", "channel": "web"}


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"\x00\x00\x00\x00\x07", b"\xef\xbb\xbf\x00\x00\x00\x00\x07", b"\x00\x00\x00\x00{"]
)
def test_a_byte_order_mark_and_the_frame_of_json_schema_are_taken_off(before: bytes) -> None:
    assert decode_prediction(before + value(GOOD)) == decode_prediction(value(GOOD))
    assert decode_feedback(before + value(LABEL)) == decode_feedback(value(LABEL))


def test_avro_in_a_frame_is_refused_and_no_setting_is_named_that_does_not_exist() -> None:
    with pytest.raises(BadRecord) as refused:
        decode_prediction(b"\x00\x00\x00\x00\x07\x0417\x0afraud")

    assert refused.value.reason is DeadLetterReason.REGISTRY_FRAMED
    assert "enable" not in refused.value.detail


@pytest.mark.parametrize("headers", [(), STRUCTURED, (("content-type", b"application/json"),)])
def test_a_cloudevent_is_opened_whether_its_content_type_is_there_or_not(headers: Headers) -> None:
    encoded = json.dumps({**json.loads(envelope({})), "data_base64": base64.b64encode(value(GOOD)).decode()})
    packed = json.dumps({name: part for name, part in json.loads(encoded).items() if name != "data"}).encode()

    assert decode_prediction(envelope(GOOD), headers) == decode_prediction(value(GOOD))
    assert decode_prediction(packed, headers) == decode_prediction(value(GOOD))
    assert decode_prediction(b"\xef\xbb\xbf" + envelope(GOOD), headers) == decode_prediction(value(GOOD))


def test_an_event_with_fields_of_its_own_called_data_and_specversion_is_no_cloudevent() -> None:
    assert decode_prediction(value(GOOD, data={}, specversion="1.0")) == decode_prediction(value(GOOD))


@pytest.mark.parametrize(
    ("record", "headers"),
    [
        (without_time(), (("ce_time", b"2026-11-24T12:00:00Z"),)),
        (without_time(timestamp=None), (("ce_specversion", b"1.0"), ("ce_time", b"2026-11-24T12:00:00Z"))),
        (envelope(json.loads(without_time()), time="2026-11-24T12:00:00Z"), STRUCTURED),
        (envelope(json.loads(without_time()), time="2026-11-24T12:00:00Z"), ()),
        (value(GOOD), (("ce_time", b"1999-01-01T00:00:00Z"),)),
    ],
)
def test_an_event_without_a_time_has_that_of_its_cloudevent(record: bytes, headers: Headers) -> None:
    assert decode_prediction(record, headers).timestamp == NOON


def test_an_event_without_any_time_leaves_it_to_its_record() -> None:
    assert decode_prediction(without_time()).timestamp is None
    assert decode_prediction(without_time(), [("ce_time", None)]).timestamp is None


@pytest.mark.parametrize("time", [b"noon", b"\xff", b"9999-12-31T23:59:59-14:00"])
def test_a_cloudevent_whose_time_cannot_be_read_is_refused(time: bytes) -> None:
    with pytest.raises(BadRecord, match="bad_timestamp: the CloudEvent's time"):
        decode_prediction(without_time(), [("ce_time", time)])


def test_unknown_fields_are_counted_and_change_nothing() -> None:
    unknown = UnknownFields()

    events = decode_predictions(
        [value(GOOD), value(GOOD, inputs={"a": 1}), value(GOOD, inputs={}, extra={"deep": [{}]})], unknown=unknown
    )

    assert events == [decode_prediction(value(GOOD))] * 3
    assert unknown.counts == {"inputs": 2, "extra": 1}


def test_however_many_fields_a_producer_makes_up_few_are_counted_by_name() -> None:
    unknown = UnknownFields()

    for number in range(1000):
        unknown.add([f"field-{number}", "x" * 10_000])

    assert len(unknown.counts) == MOST_NAMES + 1
    assert unknown.counts.total() == 2000
    assert unknown.counts[OTHERS] == 1000 - MOST_NAMES + 1
    assert max(map(len, unknown.counts)) <= 64


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("inputs", "features"),
        ("feature", "features"),
        ("predictionId", "prediction_id"),
        ("id", "prediction_id"),
        ("modelVersion", "version"),
        ("model_name", "model"),
        ("ts", "timestamp"),
        ("y_pred", "prediction"),
        ("probabilities", "scores"),
        ("latency", "latency_ms"),
        ("atributions", "attributions"),
        ("colour", None),
        ("", None),
    ],
)
def test_the_nearest_field_is_named(written: str, meant: str | None) -> None:
    assert nearest(written, PREDICTION.fields) == meant


def test_a_name_is_new_once_and_its_sentence_says_what_was_probably_meant() -> None:
    unknown = UnknownFields()
    unknown.add(["inputs"])
    unknown.add(["inputs", "colour"])

    assert unknown.take_new() == ["inputs", "colour"]
    assert unknown.take_new() == []
    assert describe("inputs", PREDICTION.fields).endswith("was ignored; did you mean `features`?")
    assert describe("colour", PREDICTION.fields) == "the field `colour` is in no contract and was ignored"


def test_what_is_meant_depends_on_the_topic() -> None:
    assert nearest("y", PREDICTION.fields) == "prediction"
    assert nearest("y", FEEDBACK.fields) == "label"
