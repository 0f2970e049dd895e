"""Whatever the client emits decodes with driftbell's own contracts; whatever it cannot emit is dropped with a reason."""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import FeatureValue, Feedback, Prediction, decode_feedback, decode_prediction, to_epoch_ms
from driftbell.schemas import limits as contract
from driftbell_client import DropReason, limits
from tests.client.recorder import recorded

CLIENT, RECORDER = recorded()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW_MS = 1_795_521_600_000


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


class NAType:
    """As pandas calls its missing value."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


class Hostile:
    """An object that raises when it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("do not look at me")


def predicted(*positional: Any, **fields: Any) -> Prediction:
    """What the client publishes for one ``predict``, as driftbell reads it; drops fail the test."""
    RECORDER.clear()
    returned = CLIENT.predict(*positional, **fields)
    assert not RECORDER.dropped
    [(topic, key, value, _)] = RECORDER.published
    event = decode_prediction(value)
    assert topic == "predictions"
    assert key == event.model.encode()
    assert returned == event.prediction_id
    assert event.timestamp is not None
    to_epoch_ms(event.timestamp)
    return event


def labelled(*positional: Any, **fields: Any) -> Feedback:
    """What the client publishes for one ``label``, as driftbell reads it; drops fail the test."""
    RECORDER.clear()
    CLIENT.label(*positional, **fields)
    assert not RECORDER.dropped
    [(topic, key, value, _)] = RECORDER.published
    event = decode_feedback(value)
    assert topic == "feedback"
    assert key == event.model.encode()
    assert event.timestamp is not None
    to_epoch_ms(event.timestamp)
    return event


def dropped() -> tuple[DropReason, str]:
    """The one drop since the recorder was made."""
    assert not RECORDER.published
    [(reason, detail)] = RECORDER.dropped
    assert detail is not None
    return reason, detail


def test_a_plain_prediction_arrives_as_it_is() -> None:
    features: dict[str, FeatureValue] = {"amount": 42.5, "country": "DE", "new": True, "age": None}

    event = predicted(
        "fraud",
        3,
        1,
        features=features,
        prediction_id="p-1",
        timestamp=NOW,
        scores={"yes": 0.9, "no": 0.1},
        latency_ms=12.5,
        variant="shadow",
        request_id="r-1",
        tags={"channel": "web"},
        attributions={"amount": 0.7},
        embedding=[0.1, 0.2],
    )

    assert event == Prediction(
        prediction_id="p-1",
        model="fraud",
        version="3",
        timestamp=NOW_MS,
        features=features,
        prediction=1,
        scores={"yes": 0.9, "no": 0.1},
        latency_ms=12.5,
        variant="shadow",
        request_id="r-1",
        tags={"channel": "web"},
        attributions={"amount": 0.7},
        embedding=[0.1, 0.2],
    )


def test_an_id_is_made_unless_given() -> None:
    first, second = predicted("m", "1", 1), predicted("m", "1", 1)

    assert uuid.UUID(first.prediction_id).version == 4
    assert first.prediction_id != second.prediction_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1.5), 1.5),
        (np.float64(1.5), 1.5),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("cat"), "cat"),
        (np.array([0.25]), 0.25),
        (np.array([["cat"]]), "cat"),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (Colour.RED, "red"),
        (Colour.ONE, 1),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (NOW, "2026-11-24T12:00:00+00:00"),
        (10**400, None),
        (math.nan, None),
        (-math.inf, None),
        (np.float32("nan"), None),
        (Decimal("NaN"), None),
        (Decimal("1e999"), None),
        (Fraction(10**400), None),
        (NAType(), None),
    ],
)
def test_the_values_of_a_data_scientist_become_plain(value: object, expected: object) -> None:
    event = predicted("m", "1", 1, features={"x": value})

    assert event.features == {"x": expected}
    if expected is not None:
        assert predicted("m", "1", value).prediction == expected
        assert labelled("m", "p", value).label == expected


@pytest.mark.parametrize("value", [b"bytes", [1.0], {}, object(), np.array([1.0, 2.0]), 1j])
def test_what_json_cannot_say_is_dropped_and_named(value: object) -> None:
    RECORDER.clear()
    CLIENT.predict("m", "1", 1, features={"ok": 1, "net amount": value})
    reason, detail = dropped()

    assert reason is DropReason.NOT_ENCODABLE
    assert "feature net amount" in detail


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_a_prediction_that_is_no_number_is_a_failed_prediction(value: object) -> None:
    event = predicted("m", "1", value)

    assert event.prediction is None
    assert event.error == f"the prediction is {value}"


def test_an_exception_says_why_there_is_no_prediction() -> None:
    assert predicted("m", "1", error=TimeoutError("feature store")).error == "TimeoutError: feature store"
    assert predicted("m", "1", error="no model").error == "no model"
    assert predicted("m", "1").error == "no prediction"


def test_scores_attributions_and_embeddings_leave_out_what_is_not_finite() -> None:
    event = predicted(
        "m",
        "1",
        1,
        scores={0: np.float32(0.25), 1: math.nan},
        attributions={"a": math.inf, "b": 1},
        embedding=np.array([1.0, math.nan]),
        latency_ms=math.nan,
    )

    assert event.scores == {"0": 0.25}
    assert event.attributions == {"b": 1.0}
    assert event.embedding == []
    assert event.latency_ms is None
    assert predicted("m", "1", 1, embedding=np.array([0.5, 1.0], dtype=np.float32)).embedding == [0.5, 1.0]
    assert predicted("m", "1", 1, scores=np.float64(0.5)).scores == 0.5
    assert predicted("m", "1", 1, scores=math.nan).scores is None


def test_tags_become_text() -> None:
    event = predicted("m", "1", 1, tags={"vip": True, "shop": 7, "empty": None, 3: np.str_("x")})

    assert event.tags == {"vip": "true", "shop": "7", "3": "x"}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOW, NOW_MS),
        (NOW.astimezone(timezone(timedelta(hours=-7))), NOW_MS),
        (NOW + timedelta(microseconds=1999), NOW_MS + 1),
        ("2026-11-24T12:00:00Z", NOW_MS),
        (NOW_MS, NOW_MS),
        (float(NOW_MS) + 0.9, NOW_MS),
        (np.int64(NOW_MS), NOW_MS),
    ],
)
def test_times_arrive_as_epoch_milliseconds(moment: Any, expected: int) -> None:
    assert predicted("m", "1", 1, timestamp=moment).timestamp == expected
    assert labelled("m", "p", 1, timestamp=moment).timestamp == expected


@pytest.mark.parametrize(
    ("moment", "hint"),
    [
        (NOW.replace(tzinfo=None), "no time zone"),
        ("2026-11-24T12:00:00", "no time zone"),
        ("yesterday", "not RFC 3339"),
        (NOW_MS / 1000, "multiply by 1000"),
        (NOW_MS * 1000, "microseconds"),
        (math.nan, "not a time"),
        (True, "not a time"),
    ],
)
def test_a_time_that_could_be_misread_is_dropped_with_a_hint(moment: Any, hint: str) -> None:
    RECORDER.clear()
    CLIENT.predict("m", "1", 1, timestamp=moment)
    reason, detail = dropped()

    assert reason is DropReason.BAD_TIMESTAMP
    assert hint in detail


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": " "}, DropReason.BAD_IDENTIFIER),
        ({"model": ""}, DropReason.BAD_IDENTIFIER),
        ({"model": None}, DropReason.BAD_IDENTIFIER),
        ({"model": "x" * 257}, DropReason.BAD_IDENTIFIER),
        ({"version": 1.5}, DropReason.BAD_IDENTIFIER),
        ({"variant": "\t"}, DropReason.BAD_IDENTIFIER),
        ({"prediction_id": ""}, DropReason.BAD_IDENTIFIER),
        ({"model": "\ud800"}, DropReason.NOT_ENCODABLE),
        ({"features": {"a": "\ud800"}}, DropReason.NOT_ENCODABLE),
        ({"features": [1, 2]}, DropReason.NOT_ENCODABLE),
        ({"features": {"a": Hostile()}}, DropReason.NOT_ENCODABLE),
        ({"scores": "high"}, DropReason.NOT_ENCODABLE),
        ({"scores": [0.1, 0.9]}, DropReason.NOT_ENCODABLE),
        ({"embedding": ["a"]}, DropReason.NOT_ENCODABLE),
        ({"latency_ms": "slow"}, DropReason.NOT_ENCODABLE),
    ],
)
def test_a_bad_field_drops_the_event_with_its_reason(fields: dict[str, Any], reason: DropReason) -> None:
    RECORDER.clear()
    CLIENT.predict(**{"model": "m", "version": "1", "prediction": 1, **fields})

    assert dropped()[0] is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"label": math.nan}, DropReason.NOT_FINITE),
        ({"label": None}, DropReason.NOT_FINITE),
        ({"label": [1]}, DropReason.NOT_ENCODABLE),
        ({"weight": math.inf}, DropReason.NOT_FINITE),
        ({"weight": -0.1}, DropReason.OUT_OF_RANGE),
        ({"weight": 1.7e308}, DropReason.OUT_OF_RANGE),
        ({"label": "x" * 1025}, DropReason.TEXT_TOO_LONG),
        ({"tags": {"reviewer": "x" * 1025}}, DropReason.TEXT_TOO_LONG),
        ({"weight": Hostile()}, DropReason.NOT_ENCODABLE),
        ({"prediction_id": None}, DropReason.BAD_IDENTIFIER),
        ({"model": " "}, DropReason.BAD_IDENTIFIER),
        ({"timestamp": 5}, DropReason.BAD_TIMESTAMP),
    ],
)
def test_a_bad_label_is_dropped_with_its_reason(fields: dict[str, Any], reason: DropReason) -> None:
    RECORDER.clear()
    CLIENT.label(**{"model": "m", "prediction_id": "p", "label": 1, **fields})

    assert dropped()[0] is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"latency_ms": -1}, DropReason.OUT_OF_RANGE),
        ({"latency_ms": 3.2e9}, DropReason.OUT_OF_RANGE),
        ({"features": dict.fromkeys(range(10_001), 0)}, DropReason.TOO_MANY_ENTRIES),
        ({"scores": dict.fromkeys(range(10_001), 0.0)}, DropReason.TOO_MANY_ENTRIES),
        ({"attributions": dict.fromkeys(range(10_001), 0.0)}, DropReason.TOO_MANY_ENTRIES),
        ({"tags": dict.fromkeys(range(101), "x")}, DropReason.TOO_MANY_ENTRIES),
        ({"embedding": [0.0] * 65_537}, DropReason.TOO_MANY_ENTRIES),
        ({"features": {"x" * 1025: 1.0}}, DropReason.TEXT_TOO_LONG),
        ({"request_id": "x" * 1025}, DropReason.TEXT_TOO_LONG),
        ({"timestamp": datetime(1, 1, 1, tzinfo=UTC)}, DropReason.BAD_TIMESTAMP),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, DropReason.BAD_TIMESTAMP),
    ],
)
def test_a_prediction_beyond_the_contract_is_dropped_with_its_reason(
    fields: dict[str, Any], reason: DropReason
) -> None:
    RECORDER.clear()
    CLIENT.predict("m", "1", 1, **fields)

    assert dropped()[0] is reason


def test_the_limits_of_the_client_are_those_of_the_contract() -> None:
    for name in ("MAX_TEXT", "MAX_WEIGHT", "MAX_LATENCY_MS", "MAX_ENTRIES", "MAX_TAGS", "MAX_DIMENSIONS"):
        assert getattr(limits, name) == getattr(contract, name), name


def test_a_prediction_at_every_limit_arrives() -> None:
    event = predicted(
        "m",
        "1",
        "x" * 1024,
        features={**dict.fromkeys(range(9_999), 1.0), "x" * 1024: 1.0},
        latency_ms=1e9,
        tags={**dict.fromkeys(range(99), "y"), "x" * 1024: "x" * 1024},
        request_id="x" * 1024,
    )

    assert len(event.features) == 10_000


def test_a_trace_goes_along_as_a_header() -> None:
    RECORDER.clear()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    CLIENT.predict("m", "1", 1, traceparent=trace)
    CLIENT.label("m", "p", 1, traceparent=trace)
    CLIENT.label("m", "p", 1)

    assert [headers for *_, headers in RECORDER.published] == [[("traceparent", trace)], [("traceparent", trace)], None]


def test_events_of_a_sharded_model_share_their_key_with_the_label() -> None:
    client, recorder = recorded(shards={"big": 8})
    ids = [client.predict("big", "1", 1) for _ in range(50)]
    for prediction_id in ids:
        client.label("big", prediction_id, 1)
    client.predict("small", "1", 1)

    keys = [key for _, key, _, _ in recorder.published]
    assert keys[:50] == keys[50:100]
    assert len(set(keys[:50])) > 1
    assert {key.rsplit(b"#")[0] for key in keys[:100]} == {b"big"}
    assert keys[100] == b"small"


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.decimals(),
    st.fractions(),
    st.floats(width=32).map(np.float32),
    st.floats().map(np.float64),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.booleans().map(np.bool_),
    st.text(max_size=5).map(np.str_),
    st.sampled_from(Colour),
    st.datetimes(),
    st.uuids(),
    st.builds(NAType),
    st.builds(Hostile),
    st.binary(max_size=3),
    st.lists(st.floats(), max_size=2).map(np.array),
)
NAMES: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=8), st.integers(), st.text(max_size=3).map(np.str_), st.none()
)
ANYTHING = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(NAMES, SCALARS, max_size=3)
TIMES = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)), st.integers(), st.floats(), st.text(max_size=20))
IDENTIFIERS = st.one_of(st.text(min_size=1, max_size=300), st.integers(), st.uuids(), st.none())
LIKELY = st.dictionaries(NAMES, SCALARS, max_size=4)


def check(decode: Any) -> None:
    """One event that decodes, or one drop with a reason."""
    assert len(RECORDER.published) + len(RECORDER.dropped) == 1
    for _, key, value, headers in RECORDER.published:
        event = decode(value)
        assert key == event.model.encode()
        assert headers is None or headers[0][0] == "traceparent"
        assert isinstance(to_epoch_ms(event.timestamp), int)
    for reason, _ in RECORDER.dropped:
        assert isinstance(reason, DropReason)


@pytest.mark.slow
@given(
    model=IDENTIFIERS,
    version=IDENTIFIERS,
    prediction=ANYTHING,
    fields=st.fixed_dictionaries(
        {},
        optional={
            "features": LIKELY | ANYTHING,
            "prediction_id": IDENTIFIERS,
            "timestamp": TIMES,
            "scores": LIKELY | ANYTHING,
            "latency_ms": SCALARS,
            "error": st.text(st.characters(), max_size=5) | st.builds(ValueError, st.text(max_size=5)) | SCALARS,
            "variant": IDENTIFIERS,
            "request_id": SCALARS,
            "tags": LIKELY | ANYTHING,
            "attributions": LIKELY | ANYTHING,
            "embedding": st.lists(SCALARS, max_size=3) | ANYTHING,
            "traceparent": st.text(st.characters(), max_size=5) | SCALARS,
        },
    ),
)
def test_whatever_predict_is_given_it_emits_a_valid_event_or_counts_a_drop(
    model: Any, version: Any, prediction: Any, fields: Mapping[str, Any]
) -> None:
    RECORDER.clear()
    CLIENT.predict(model, version, prediction, **fields)

    check(decode_prediction)


@given(
    model=IDENTIFIERS,
    prediction_id=IDENTIFIERS,
    label=ANYTHING,
    fields=st.fixed_dictionaries(
        {}, optional={"timestamp": TIMES, "weight": SCALARS, "tags": LIKELY | ANYTHING, "traceparent": SCALARS}
    ),
)
def test_whatever_label_is_given_it_emits_a_valid_event_or_counts_a_drop(
    model: Any, prediction_id: Any, label: Any, fields: Mapping[str, Any]
) -> None:
    RECORDER.clear()
    CLIENT.label(model, prediction_id, label, **fields)

    check(decode_feedback)


@pytest.mark.slow
@given(features=st.dictionaries(st.text(max_size=8), st.floats() | st.text(max_size=5) | st.booleans() | st.none()))
def test_ordinary_features_always_arrive(features: dict[str, Any]) -> None:
    arrived = predicted("m", "1", 1, features=features).features

    assert arrived == {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in features.items()
    }
