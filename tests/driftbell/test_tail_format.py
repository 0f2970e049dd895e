"""Events as lines for people and JSON for programs; nothing a topic may hold makes either fail."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.commands.events import KINDS
from driftbell.runtime.config.model import Topics
from driftbell.schemas import (
    Alert,
    Evidence,
    Feedback,
    Metric,
    Prediction,
    encode_alert,
    encode_feedback,
    encode_metric,
    encode_prediction,
)
from driftbell.streams.records import Input, Output
from driftbell.tail import TopicKind, as_json, as_line, topic_kinds
from driftbell.tail.format import _WRITERS, ConsumedRecord

MOMENT = 1_700_000_000_000  # 2023-11-14T22:13:20Z


def message(
    kind: TopicKind, value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None
) -> ConsumedRecord:
    return ConsumedRecord(kind, f"topic-of-{kind}", 3, 42, MOMENT, b"key", value, headers or [])


ALERT = Alert(
    id="5a",
    fingerprint="00ff",
    status="firing",
    labels={"alertname": "ErrorRateRose", "severity": "critical", "model": "fraud", "version": "3", "variant": "live"},
    annotations={"summary": "error rate rose from 4.1 % to 9.8 %"},
    startsAt="2023-11-14T22:13:20.000Z",
    updatedAt="2023-11-14T22:13:20.000Z",
    episode=2,
    reason="fired",
    evidence=Evidence(metric="error_rate"),
)


def test_every_topic_can_be_followed_by_its_name() -> None:
    topics = Topics()
    dead_letters = {stream.dead_letter_topic(topics) for stream in Input}

    assert set(KINDS) == set(TopicKind) == set(_WRITERS)
    assert topic_kinds(topics).keys() == {each.topic(topics) for each in (*Input, *Output)} | dead_letters


def test_an_alert_says_what_happened_to_which_model() -> None:
    assert as_line(message(TopicKind.ALERTS, encode_alert(ALERT))) == (
        "22:13:20  alerts        FIRING   ErrorRateRose (critical) fraud 3 live: "
        "error rate rose from 4.1 % to 9.8 % [episode 2]"
    )


def test_a_metric_shows_its_window_and_values() -> None:
    metric = Metric(
        model="fraud",
        version="3",
        window_start="2023-11-14T22:13:00.000Z",
        window_end="2023-11-14T22:14:00.000Z",
        revision=1,
        predictions=1204,
        labels=980,
        values={"accuracy": 0.95123},
    )

    assert as_line(message(TopicKind.METRICS, encode_metric(metric))) == (
        "22:13:20  metrics       fraud 3 live  22:13:00-22:14:00 r1  1,204 predictions, 980 labels  accuracy 0.9512"
    )


def test_predictions_and_labels_are_one_line_each() -> None:
    event = Prediction(
        prediction_id="p1",
        model="fraud",
        version="3",
        timestamp=MOMENT,
        features={"a": 1},
        prediction="ok",
        latency_ms=2.5,
    )
    label = Feedback(prediction_id="p1", model="fraud", label=True, timestamp=MOMENT)

    assert as_line(message(TopicKind.PREDICTIONS, encode_prediction(event))).endswith(
        "fraud 3 live  p1  'ok'  1 feature  2.5 ms"
    )
    assert as_line(message(TopicKind.FEEDBACK, encode_feedback(label))).endswith("fraud  p1  label True")


def test_a_dead_letter_shows_why_it_is_dead() -> None:
    line = as_line(message(TopicKind.DEAD_LETTERS, b"{oops", [("dlq.reason", b"not_json"), ("other", b"x")]))

    assert line.endswith("reason=not_json  5 bytes")


def test_a_tombstone_says_that_it_is_over() -> None:
    assert as_line(message(TopicKind.ALERTS_ACTIVE, None)).endswith("key: over (tombstone)")


@pytest.mark.parametrize("kind", list(TopicKind))
@given(value=st.binary(max_size=200))
def test_no_value_makes_a_line_fail(kind: TopicKind, value: bytes) -> None:
    assert as_line(message(kind, value)).startswith("22:13:20")


@given(value=st.none() | st.binary(max_size=200), header=st.none() | st.binary(max_size=20))
def test_json_is_always_one_object_on_one_line(value: bytes | None, header: bytes | None) -> None:
    text = as_json(message(TopicKind.ALERTS, value, [("h", header)]))

    assert "\n" not in text
    assert json.loads(text)["offset"] == 42


def test_json_carries_the_value_as_json() -> None:
    decoded = json.loads(as_json(message(TopicKind.ALERTS, encode_alert(ALERT))))

    assert decoded["value"]["labels"]["model"] == "fraud"
    assert decoded["timestamp"] == "2023-11-14T22:13:20.000Z"


def test_every_topic_of_the_configuration_has_a_kind() -> None:
    kinds = topic_kinds(Topics(predictions="a", feedback="b", alerts="c", alerts_active="d", metrics="e"))

    assert set(kinds) == {"a", "b", "c", "d", "e", "a.DLQ", "b.DLQ"}
    assert set(kinds.values()) == set(TopicKind)


@pytest.mark.parametrize("time_ms", [-1, -(10**18), 2**63 - 1])
def test_no_time_of_a_record_makes_a_line_fail(time_ms: int) -> None:
    odd = replace(message(TopicKind.ALERTS, encode_alert(ALERT)), time_ms=time_ms)

    assert "ErrorRateRose" in as_line(odd)
    assert json.loads(as_json(odd))["value"]["episode"] == 2


def test_a_record_without_a_writable_time_has_none() -> None:
    odd = replace(message(TopicKind.ALERTS_ACTIVE, None), time_ms=2**63 - 1)

    assert as_line(odd) == "--:--:--  alerts-active key: over (tombstone)"
    assert json.loads(as_json(odd))["timestamp"] is None


@pytest.mark.parametrize("depth", [500, 900, 1100, 100_000])
def test_json_nested_deeply_is_shown(depth: int) -> None:
    assert json.loads(as_json(message(TopicKind.ALERTS, b"[" * depth + b"]" * depth)), parse_int=str)["offset"] == "42"


def test_what_a_producer_names_cannot_steer_the_terminal() -> None:
    event = Feedback(prediction_id="p1", model="evil\x1b[2J\r\nx", label=True, timestamp=MOMENT)

    for line in (
        as_line(message(TopicKind.FEEDBACK, encode_feedback(event))),
        as_line(message(TopicKind.DEAD_LETTERS, b"{", [("dlq.reason", b"a\x1b[2J\nb")])),
    ):
        assert line.isprintable()
