"""The codec: every kind of bad input has its reason, and a chunk is decoded as its records are one by one."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import (
    MAX_IDENTIFIER,
    Alert,
    BadRecord,
    DeadLetterReason,
    Evidence,
    FeatureShift,
    Feedback,
    Metric,
    Prediction,
    decode_alert,
    decode_feedback,
    decode_feedbacks,
    decode_metric,
    decode_prediction,
    decode_predictions,
    encode_alert,
    encode_feedback,
    encode_metric,
    encode_prediction,
)
from driftbell.schemas.bad_record import MAX_DETAIL
from driftbell.schemas.codec import MAX_RECORD_BYTES

GOOD: dict[str, Any] = {
    "prediction_id": "p-1",
    "model": "fraud",
    "version": "3",
    "timestamp": 1_795_521_600_000,
    "features": {"amount": 42, "country": "DE", "new": False, "age": None},
    "prediction": 1,
}
LABEL: dict[str, Any] = {"prediction_id": "p-1", "model": "fraud", "label": 0, "timestamp": 1_795_521_600_000}


def prediction(**fields: Any) -> bytes:
    """A good prediction with ``fields`` laid over it; None removes one."""
    document = {name: value for name, value in {**GOOD, **fields}.items() if value is not None}
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogateescape")


def label(**fields: Any) -> bytes:
    """A good label with ``fields`` laid over it; None removes one."""
    return json.dumps({name: value for name, value in {**LABEL, **fields}.items() if value is not None}).encode()


def raw(field: str, text: str) -> bytes:
    """A good prediction in which ``field`` is the JSON ``text``, which need not be JSON."""
    return prediction(**{field: "@"}).replace(b'"@"', text.encode())


R = DeadLetterReason
BAD: list[tuple[str, bytes, DeadLetterReason, str]] = [
    ("nothing", b"", R.NOT_JSON, "empty"),
    ("blanks", b"  ", R.NOT_JSON, "truncated"),
    ("text", b"hello", R.NOT_JSON, "malformed"),
    ("cut short", prediction()[:-2], R.NOT_JSON, "truncated"),
    ("two records", prediction() + prediction(), R.NOT_JSON, "trailing"),
    ("two records and a comma", prediction() + b"," + prediction(), R.NOT_JSON, "trailing"),
    ("latin-1", prediction(model="mod\udce8le"), R.NOT_JSON, "UTF-8"),
    ("half a surrogate pair", raw("model", r'"\ud800"'), R.NOT_JSON, ""),
    ("UTF-16", prediction().decode().encode("utf-16"), R.NOT_JSON, "UTF-16; publish UTF-8"),
    ("UTF-16 without a mark", prediction().decode().encode("utf-16-le"), R.NOT_JSON, "UTF-16; publish UTF-8"),
    ("UTF-16 of the other order", prediction().decode().encode("utf-16-be"), R.NOT_JSON, "UTF-16; publish UTF-8"),
    ("UTF-32", prediction().decode().encode("utf-32"), R.NOT_JSON, "UTF-32; publish UTF-8"),
    ("UTF-32 without a mark", prediction().decode().encode("utf-32-le"), R.NOT_JSON, "UTF-32; publish UTF-8"),
    ("UTF-32 of the other order", prediction().decode().encode("utf-32-be"), R.NOT_JSON, "UTF-32; publish UTF-8"),
    ("UTF-32 of the other order, marked", b"\0\0\xfe\xff\0\0\0{", R.NOT_JSON, "UTF-32; publish UTF-8"),
    ("an empty buffer", b"\0" * 8, R.NOT_JSON, "zero bytes and nothing else"),
    ("gzip", gzip.compress(prediction()), R.NOT_JSON, "compression.type"),
    ("pickle", pickle.dumps(GOOD), R.NOT_JSON, "pickle"),
    ("Python's notation", str(GOOD).encode(), R.NOT_JSON, "json.dumps"),
    ("encoded twice", json.dumps(prediction().decode()).encode(), R.WRONG_TYPE, "encoded twice"),
    ("several in an array", b"[" + prediction() + b"]", R.WRONG_TYPE, "one event per record"),
    ("very deep", raw("extra", "[" * 1_000_000), R.NOT_JSON, "deep"),
    ("an array", b"[" + prediction() + b"]", R.WRONG_TYPE, "Expected `object`, got `array`"),
    ("null text", b"null", R.WRONG_TYPE, "got `null`"),
    ("a fraction for a version", prediction(version=1.5), R.WRONG_TYPE, "`$.version`; write it as text"),
    (
        "a number of 20 digits for an id",
        prediction(prediction_id=2**64),
        R.WRONG_TYPE,
        "`$.prediction_id`; write it as text",
    ),
    ("a truth for a model", prediction(model=True), R.WRONG_TYPE, "`$.model`"),
    ("an object for a feature", prediction(features={"ok": 1, "bad": {}}), R.WRONG_TYPE, "`$.features.bad`"),
    ("an array for a feature", prediction(features={"net amount": []}), R.WRONG_TYPE, '`$.features["net amount"]`'),
    ("a fraction for a tag", prediction(tags={"a": "x", "b": 1.5}), R.WRONG_TYPE, "`$.tags.b`"),
    ("an array of tags", prediction(tags=["a"]), R.WRONG_TYPE, "`$.tags`"),
    ("text for a score", prediction(scores={"a": 0.1, "b": "0.9"}), R.WRONG_TYPE, "`$.scores.b`"),
    ("text for a latency", prediction(latency_ms="12"), R.WRONG_TYPE, "`$.latency_ms`"),
    ("an object for a prediction", prediction(prediction={"class": 1}), R.WRONG_TYPE, "`$.prediction`"),
    ("a boolean for a time", prediction(timestamp=True), R.WRONG_TYPE, "`$.timestamp`"),
    ("no id", prediction(prediction_id=None), R.MISSING_FIELD, "prediction_id"),
    ("no model", prediction(model=None), R.MISSING_FIELD, "model"),
    ("no version", prediction(version=None), R.MISSING_FIELD, "version"),
    (
        "an id by another name",
        prediction(prediction_id=None, id="p-1"),
        R.MISSING_FIELD,
        "`id`: call it `prediction_id`",
    ),
    (
        "an answer by another name",
        prediction(prediction=None, output=1),
        R.MISSING_FIELD,
        "`output`: call it `prediction`",
    ),
    ("a negative latency", prediction(latency_ms=-0.5), R.OUT_OF_RANGE, "`$.latency_ms`"),
    ("a latency in nanoseconds", prediction(latency_ms=1.5e9), R.OUT_OF_RANGE, "is it in milliseconds?"),
    ("too many features", prediction(features=dict.fromkeys(map(str, range(10_001)))), R.TOO_MANY_ENTRIES, "features"),
    ("too many scores", prediction(scores=dict.fromkeys(map(str, range(10_001)), 0.1)), R.TOO_MANY_ENTRIES, "scores"),
    ("too many tags", prediction(tags=dict.fromkeys(map(str, range(101)), "x")), R.TOO_MANY_ENTRIES, "`$.tags`"),
    ("too many dimensions", prediction(embedding=[0] * 65_537), R.TOO_MANY_ENTRIES, "`$.embedding`"),
    ("a long feature name", prediction(features={"x" * 1025: 1}), R.TEXT_TOO_LONG, "`$.features`"),
    ("a long class", prediction(scores={"x" * 1025: 1}), R.TEXT_TOO_LONG, "`$.scores`"),
    ("a long tag name", prediction(tags={"x" * 1025: "1"}), R.TEXT_TOO_LONG, "`$.tags`"),
    ("a long attribution name", prediction(attributions={"x" * 1025: 1}), R.TEXT_TOO_LONG, "`$.attributions`"),
    ("a long tag", prediction(tags={"a": "x" * 1025}), R.TEXT_TOO_LONG, "`$.tags.a`"),
    ("a long answer", prediction(prediction="x" * 1025), R.TEXT_TOO_LONG, "`$.prediction`"),
    ("a long request id", prediction(request_id="x" * 1025), R.TEXT_TOO_LONG, "`$.request_id`"),
    ("neither prediction nor error", prediction(prediction=None), R.MISSING_FIELD, "error"),
    ("NaN", raw("latency_ms", "NaN"), R.NOT_FINITE, "`$.latency_ms`"),
    ("NaN in a feature", prediction(features={"a": 1, "amount": math.nan}), R.NOT_FINITE, "`$.features.amount`"),
    ("NaN in an odd feature", prediction(features={"net amount": math.nan}), R.NOT_FINITE, '["net amount"]'),
    ("NaN in a list", prediction(embedding=[0.0, math.nan]), R.NOT_FINITE, "`$.embedding[1]`"),
    ("NaN in an unknown field", raw("extra", "NaN"), R.NOT_FINITE, "`$.extra`"),
    ("Infinity", raw("prediction", "Infinity"), R.NOT_FINITE, "`$.prediction`"),
    ("-Infinity", raw("prediction", "-Infinity"), R.NOT_FINITE, "`$.prediction`"),
    ("a float too big", raw("latency_ms", "1e999"), R.NOT_FINITE, "`$.latency_ms`"),
    ("a feature too big", prediction(features={"a": "@"}).replace(b'"@"', b"-1e999"), R.NOT_FINITE, "`$.features.a`"),
    ("a feature of 400 digits", prediction(features={"a": 10**400}), R.NOT_FINITE, "`$.features.a`"),
    ("a feature just above the largest float", prediction(features={"a": 10**309 - 1}), R.NOT_FINITE, "features.a"),
    ("a prediction of 5,000 digits", raw("prediction", "7" * 5000), R.NOT_FINITE, "`$.prediction`"),
    ("a prediction just above the largest float", prediction(prediction=10**309 - 1), R.NOT_FINITE, "`$.prediction`"),
    ("a prediction just below the lowest float", prediction(prediction=1 - 10**309), R.NOT_FINITE, "`$.prediction`"),
    ("ten megabytes", prediction(error="x" * 10_000_000), R.TOO_LARGE, "10000"),
    ("Avro of a registry", b"\x00\x00\x00\x01\x02\x06p-1", R.REGISTRY_FRAMED, "schema id 258"),
    ("cut registry framing", b"\x00\x01", R.REGISTRY_FRAMED, "publish plain JSON"),
    ("an empty id", prediction(prediction_id=""), R.EMPTY_IDENTIFIER, "`$.prediction_id`"),
    ("a blank id", prediction(prediction_id=" \t "), R.EMPTY_IDENTIFIER, "`$.prediction_id`"),
    ("a blank model", prediction(model="\x00"), R.EMPTY_IDENTIFIER, "`$.model`"),
    ("a blank version", prediction(version=" "), R.EMPTY_IDENTIFIER, "`$.version`"),
    ("a blank variant", prediction(variant=" "), R.EMPTY_IDENTIFIER, "`$.variant`"),
    ("a long id", prediction(prediction_id="x" * 257), R.IDENTIFIER_TOO_LONG, "limit 256"),
    ("a long model", prediction(model="x" * 257), R.IDENTIFIER_TOO_LONG, "`$.model`"),
]

BAD_LABELS: list[tuple[str, bytes, DeadLetterReason, str]] = [
    ("text", b"hello", R.NOT_JSON, "malformed"),
    ("no label", label(label=None), R.MISSING_FIELD, "label"),
    ("no id", label(prediction_id=None), R.MISSING_FIELD, "prediction_id"),
    ("a blank id", label(prediction_id=" "), R.EMPTY_IDENTIFIER, "`$.prediction_id`"),
    ("a blank model", label(model=" "), R.EMPTY_IDENTIFIER, "`$.model`"),
    ("an array for a label", label(label=[1]), R.WRONG_TYPE, "`$.label`"),
    ("NaN", label(label=math.nan), R.NOT_FINITE, "`$.label`"),
    ("a label just above the largest float", label(label=10**309 - 1), R.NOT_FINITE, "`$.label`"),
    ("a negative weight", label(weight=-0.5), R.OUT_OF_RANGE, "`$.weight`"),
    ("a weight that overflows every sum", label(weight=1.7e308), R.OUT_OF_RANGE, "`$.weight`"),
    ("a weight above the limit", label(weight=1_000_001), R.OUT_OF_RANGE, "1000000"),
    ("a label of an essay", label(label="x" * 1025), R.TEXT_TOO_LONG, "`$.label`"),
    ("a target", label(label=None, target=1), R.MISSING_FIELD, "field `target`: call it `label`"),
    ("Avro of a registry", b"\x00\x00\x00\x00\x07\x06p-1", R.REGISTRY_FRAMED, "schema id 7"),
    ("ten megabytes", b'"' + b"x" * 10_000_000 + b'"', R.TOO_LARGE, "limit"),
]


@pytest.mark.parametrize(("value", "reason", "detail"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_prediction_is_refused_with_its_reason_and_place(
    value: bytes, reason: DeadLetterReason, detail: str
) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_prediction(value)

    assert refused.value.reason is reason
    assert detail in refused.value.detail
    assert str(refused.value) == f"{reason}: {refused.value.detail}"


@pytest.mark.parametrize(
    ("value", "reason", "detail"), [case[1:] for case in BAD_LABELS], ids=[case[0] for case in BAD_LABELS]
)
def test_a_bad_label_is_refused_with_its_reason_and_place(value: bytes, reason: DeadLetterReason, detail: str) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_feedback(value)

    assert refused.value.reason is reason
    assert detail in refused.value.detail


def test_a_good_prediction_is_read() -> None:
    event = decode_prediction(prediction())

    assert event == Prediction(
        prediction_id="p-1",
        model="fraud",
        version="3",
        timestamp=1_795_521_600_000,
        features={"amount": 42.0, "country": "DE", "new": False, "age": None},
        prediction=1,
    )


def test_numeric_features_are_floats_and_booleans_stay_booleans() -> None:
    features = decode_prediction(prediction(features={"a": 1, "b": 10**21, "c": True})).features

    assert [type(value) for value in features.values()] == [float, float, bool]


def test_a_class_number_stays_an_integer() -> None:
    assert type(decode_prediction(prediction(prediction=1)).prediction) is int
    assert type(decode_feedback(label(label=1)).label) is int


def test_an_error_stands_in_for_a_prediction() -> None:
    event = decode_prediction(prediction(prediction=None, error="timed out"))

    assert event.prediction is None
    assert event.error == "timed out"


def test_identifiers_may_begin_with_a_blank_and_have_the_full_length() -> None:
    event = decode_prediction(prediction(prediction_id=" x", model="é" * MAX_IDENTIFIER))

    assert event.prediction_id == " x"
    assert event.model == "é" * MAX_IDENTIFIER


def test_unknown_fields_are_ignored() -> None:
    assert decode_prediction(prediction(extra={"deep": [1, {}]})) == decode_prediction(prediction())


def test_the_limit_is_the_callers() -> None:
    value = prediction()

    assert decode_predictions([value], max_bytes=len(value))[0] == decode_prediction(value)
    with pytest.raises(BadRecord, match="too_large"):
        decode_prediction(value, max_bytes=len(value) - 1)
    assert len(prediction(error="x" * MAX_RECORD_BYTES)) > MAX_RECORD_BYTES


PIECES = st.sampled_from(
    [case[1] for case in BAD if len(case[1]) < 2000]
    + [
        prediction(),
        prediction(prediction_id="p-2"),
        prediction()[:40],
        prediction()[40:],
        b"{",
        b"}",
        b"[",
        b"]",
        b"\n",
        b'"',
        prediction() + b"\n" + prediction(),
    ]
)


@given(values=st.lists(PIECES | st.binary(max_size=20), max_size=12))
def test_a_chunk_is_decoded_as_its_records_are_one_by_one(values: list[bytes]) -> None:
    chunk = decode_predictions(values)

    assert len(chunk) == len(values)
    for value, event in zip(values, chunk, strict=True):
        if isinstance(event, BadRecord):
            with pytest.raises(BadRecord) as refused:
                decode_prediction(value)
            assert (refused.value.reason, refused.value.detail) == (event.reason, event.detail)
        else:
            assert decode_prediction(value) == event


def test_a_bad_label_stands_in_its_own_place() -> None:
    events = decode_feedbacks([label(), b"x", label(prediction_id="p-2")])

    assert isinstance(events[0], Feedback)
    assert isinstance(events[1], BadRecord)
    assert events[2] == decode_feedback(label(prediction_id="p-2"))


def test_headers_and_values_go_together_one_to_one() -> None:
    with pytest.raises(ValueError, match="zip"):
        decode_predictions([prediction(), prediction()], [()])


@given(value=st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_bad_record(value: bytes) -> None:
    for decode in (decode_prediction, decode_feedback, decode_alert, decode_metric):
        with pytest.raises(BadRecord):
            decode(value)


def test_a_feature_that_is_not_a_number_is_published_as_missing() -> None:
    event = Prediction(
        prediction_id="p", model="m", version="1", timestamp=1_795_521_600_000, features={"a": math.nan}, prediction=1
    )

    assert decode_prediction(encode_prediction(event)).features == {"a": None}


def test_an_infinite_shift_is_published_as_the_largest_float() -> None:
    shifts = [FeatureShift(feature="a", evidence=math.inf), FeatureShift(feature="b", evidence=math.nan)]
    alert = Alert(
        id="i",
        fingerprint="f",
        status="firing",
        labels={},
        annotations={},
        startsAt="2026-11-24T12:00:00Z",
        updatedAt="2026-11-24T12:00:00Z",
        episode=1,
        reason="r",
        evidence=Evidence(metric="psi", value=math.inf, features=shifts),
    )

    evidence = decode_alert(encode_alert(alert)).evidence

    assert evidence.value is None
    assert [shift.evidence for shift in evidence.features] == [pytest.approx(1.797e308, rel=1e-3), 0.0]


def test_an_undefined_metric_is_left_out() -> None:
    metric = Metric(
        model="m",
        version="1",
        window_start="2026-11-24T12:00:00Z",
        window_end="2026-11-24T12:01:00Z",
        revision=1,
        predictions=3,
        values={"accuracy": 0.5, "precision": math.nan},
    )

    assert decode_metric(encode_metric(metric)).values == {"accuracy": 0.5}


def test_a_label_survives_the_round_trip() -> None:
    event = Feedback(prediction_id="p", model="m", label="cat", timestamp="2026-11-24T12:00:00Z", weight=0.0)

    assert decode_feedback(encode_feedback(event)) == event


@pytest.mark.parametrize(
    "inner", ["[" + "0," * 200_000 + "NaN]", "[" * 300 + "NaN" + "]" * 300], ids=["many entries", "many levels"]
)
def test_finding_a_nan_below_a_long_name_costs_no_more_than_reading_the_record(inner: str) -> None:
    name = "n" * 400_000
    value = f'{{"features": {{"{name}": {inner}}}}}'.encode()
    started = time.process_time()
    with pytest.raises(BadRecord) as refused:
        decode_prediction(value)
    assert time.process_time() - started < 2
    assert refused.value.reason is DeadLetterReason.NOT_FINITE
    assert "at `$.features.nnn" in refused.value.detail
    assert len(refused.value.detail) <= MAX_DETAIL


def test_what_is_said_of_a_bad_record_is_bounded() -> None:
    bad = BadRecord(DeadLetterReason.WRONG_TYPE, "x" * 1_000_000)
    assert len(bad.detail) == MAX_DETAIL
    assert len(str(bad)) < MAX_DETAIL + 50


def test_tens_of_thousands_of_unknown_fields_do_not_make_the_hint_slow() -> None:
    names = ", ".join(f'"unknown_{number}": 1' for number in range(45_000))
    started = time.process_time()
    with pytest.raises(BadRecord) as refused:
        decode_feedback(f'{{"prediction_id": "a", "label": 1, {names}}}'.encode())
    assert time.process_time() - started < 3
    assert refused.value.reason is DeadLetterReason.MISSING_FIELD


@pytest.mark.parametrize("number", [2**63, 2**64, 10**400, -(2**63) - 1])
@pytest.mark.parametrize(
    "place", ["episode", "window_events", "window_start_ms", "window_end_ms", "change_point_ms", "since_ms"]
)
def test_an_alert_with_an_integer_that_no_store_can_hold_is_refused(place: str, number: int) -> None:
    evidence: dict[str, Any] = {"metric": "psi"}
    alert: dict[str, Any] = {
        "id": "1",
        "fingerprint": "f",
        "status": "firing",
        "labels": {},
        "annotations": {},
        "startsAt": "2026-11-24T12:00:00Z",
        "updatedAt": "2026-11-24T12:00:00Z",
        "episode": 1,
        "reason": "held",
        "evidence": evidence,
    }
    decode_alert(json.dumps(alert).encode())
    match place:
        case "episode":
            alert["episode"] = number
        case "since_ms":
            evidence["features"] = [{"feature": "age", "evidence": 1.0, "since_ms": number}]
        case _:
            evidence[place] = number
    with pytest.raises(BadRecord) as refused:
        decode_alert(json.dumps(alert).encode())
    assert refused.value.reason is DeadLetterReason.OUT_OF_RANGE
    assert place in refused.value.detail
