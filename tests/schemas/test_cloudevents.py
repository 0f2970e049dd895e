"""CloudEvents on input in both modes, and on alerts in binary mode."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from driftbell.schemas import (
    BadRecord,
    DeadLetterReason,
    alert_headers,
    decode_alert,
    decode_prediction,
    decode_predictions,
)
from driftbell.schemas.cloudevents import ALERT_SCHEMA, Attributes, read_attributes
from driftbell.schemas.headers import Headers
from tests.schemas.files import schema
from tests.schemas.test_codec import prediction

STRUCTURED: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def envelope(**attributes: Any) -> bytes:
    """A structured event with ``attributes`` laid over it; None removes one."""
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "prediction", **attributes}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_structured_event_is_unwrapped(name: str) -> None:
    value = envelope(data=json.loads(prediction()), datacontenttype="application/json", anything={"else": 1})

    assert decode_prediction(value, [(name, b"application/cloudevents+json")]) == decode_prediction(prediction())


def test_structured_data_may_be_base64() -> None:
    value = envelope(data_base64=base64.b64encode(prediction()).decode())

    assert decode_prediction(value, STRUCTURED) == decode_prediction(prediction())


def test_binary_mode_leaves_the_value_as_it_is() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"9"), ("ce_source", b"/shop"), ("ce_type", b"prediction")]

    event = decode_prediction(prediction(), [*headers, ("content-type", b"application/json")])

    assert event.prediction_id == "p-1"
    assert event == decode_prediction(prediction(), headers)


def test_a_chunk_may_mix_both_modes_and_none() -> None:
    wrapped = envelope(data=json.loads(prediction()))

    events = decode_predictions([prediction(), wrapped, b"x", wrapped], [(), STRUCTURED, STRUCTURED, ()])

    assert events[0] == events[1] == events[3] == decode_prediction(prediction())
    assert isinstance(events[2], BadRecord)
    assert events[2].reason is DeadLetterReason.NOT_JSON


@pytest.mark.parametrize(
    ("value", "headers", "reason", "detail"),
    [
        (envelope(specversion="0.3", data={}), STRUCTURED, DeadLetterReason.BAD_CLOUDEVENT, "0.3"),
        (envelope(id=None, data={}), STRUCTURED, DeadLetterReason.BAD_CLOUDEVENT, "`id`"),
        (envelope(), STRUCTURED, DeadLetterReason.BAD_CLOUDEVENT, "no data"),
        (envelope(data_base64="%"), STRUCTURED, DeadLetterReason.BAD_CLOUDEVENT, "data_base64"),
        (envelope(data_base64="é"), STRUCTURED, DeadLetterReason.BAD_CLOUDEVENT, "data_base64"),
        (envelope(data={}), STRUCTURED, DeadLetterReason.MISSING_FIELD, "prediction_id"),
        (b"{", STRUCTURED, DeadLetterReason.NOT_JSON, "truncated"),
        (b"\x00\x00\x00\x00\x01", STRUCTURED, DeadLetterReason.REGISTRY_FRAMED, "schema id 1"),
        (
            envelope(data={}),
            [("content-type", b"application/cloudevents+avro")],
            DeadLetterReason.BAD_CLOUDEVENT,
            "application/cloudevents+avro is not read",
        ),
    ],
)
def test_a_bad_envelope_is_refused_with_its_reason(
    value: bytes, headers: Headers, reason: DeadLetterReason, detail: str
) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_prediction(value, headers)

    assert refused.value.reason is reason
    assert detail in refused.value.detail


def test_null_and_odd_headers_do_no_harm() -> None:
    headers: Headers = [("content-type", None), ("content-type", b"\xff\xfe"), ("", b""), ("ce_id", None)]

    assert decode_prediction(prediction(), headers) == decode_prediction(prediction())


def test_attributes_are_read_from_headers() -> None:
    headers = [("ce_id", b"1"), ("ce_source", b"/shop"), ("ce_color", b"blue"), ("ce_time", None), ("x", b"y")]

    assert read_attributes(headers) == Attributes(id="1", source="/shop")


def test_an_alert_carries_the_required_attributes_its_schema_and_its_trace() -> None:
    alert = decode_alert(json.dumps(schema("alert")["examples"][0]).encode())

    headers = dict(alert_headers(alert, "/driftbell/prod"))

    assert headers == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": alert.id.encode(),
        "ce_source": b"/driftbell/prod",
        "ce_type": b"io.driftbell.alert.v1",
        "ce_subject": b"fraud",
        "ce_time": alert.updatedAt.encode(),
        "ce_dataschema": ALERT_SCHEMA.encode(),
        "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    assert schema("alert")["$id"] == ALERT_SCHEMA
    assert read_attributes(list(headers.items())).id == alert.id
