"""Struct, schema and examples agree, in both directions. The oracle is jsonschema's validator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driftbell.schemas import (
    Alert,
    BadRecord,
    DeadLetterReason,
    Evidence,
    FeatureShift,
    Feedback,
    Metric,
    Prediction,
    Series,
    alert_id,
    decode_alert,
    decode_feedback,
    decode_metric,
    decode_prediction,
    encode_alert,
    encode_feedback,
    encode_metric,
    encode_prediction,
    fingerprint,
    to_epoch_ms,
)
from tests.schemas.events import alerts, feedbacks, metrics, predictions
from tests.schemas.files import NAMES, schema, validator
from tests.schemas.from_schema import JSON, documents

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "prediction": Prediction,
    "feedback": Feedback,
    "alert": Alert,
    "metric": Metric,
}
DECODE: dict[str, Callable[[bytes], Any]] = {
    "prediction": decode_prediction,
    "feedback": decode_feedback,
    "alert": decode_alert,
    "metric": decode_metric,
}
INPUTS = ("prediction", "feedback")


def accepted(name: str, document: object) -> bool:
    """Whether the codec takes ``document``, timestamp included; a refusal must say why."""
    event = decoded(name, json.dumps(document).encode())
    if isinstance(event, BadRecord):
        assert isinstance(event.reason, DeadLetterReason)
        assert event.detail
        return False
    return not isinstance(event, Prediction | Feedback) or is_time(event.timestamp)


def decoded(name: str, value: bytes) -> Any:
    """The event, or why it is none."""
    try:
        return DECODE[name](value)
    except BadRecord as bad:
        return bad


def is_time(timestamp: float | str | None) -> bool:
    """Whether ``timestamp`` can be read; None stands for the record's."""
    if timestamp is None:
        return True
    try:
        to_epoch_ms(timestamp)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_valid_and_so_are_its_examples(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    examples = schema(name)["examples"]

    assert examples
    for example in examples:
        assert not list(validator(name).iter_errors(example))


@pytest.mark.parametrize("name", STRUCTS)
def test_the_examples_decode(name: str) -> None:
    for example in schema(name)["examples"]:
        assert accepted(name, example)


def test_the_example_alert_has_the_identity_its_labels_give() -> None:
    example = schema("alert")["examples"][0]

    assert example["fingerprint"] == fingerprint(example["labels"])
    assert example["id"] == alert_id(example["fingerprint"], example["episode"], example["status"])


@pytest.mark.parametrize(
    ("struct", "node"),
    [
        (Prediction, schema("prediction")),
        (Feedback, schema("feedback")),
        (Alert, schema("alert")),
        (Evidence, schema("alert")["$defs"]["evidence"]),
        (FeatureShift, schema("alert")["$defs"]["feature_shift"]),
        (Series, schema("alert")["$defs"]["series"]),
        (Metric, schema("metric")),
    ],
)
def test_struct_and_schema_have_the_same_fields_requirements_and_defaults(
    struct: type[msgspec.Struct], node: dict[str, Any]
) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}

    assert list(node["properties"]) == list(fields)
    assert set(node["required"]) == {name for name, field in fields.items() if field.required}
    for name, field in fields.items():
        if not field.required:
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            assert node["properties"][name]["default"] == default, name


@given(event=predictions)
def test_an_encoded_prediction_is_valid_and_decodes_equal(event: Prediction) -> None:
    encoded = encode_prediction(event)

    assert not list(validator("prediction").iter_errors(json.loads(encoded)))
    assert decode_prediction(encoded) == event


@given(event=feedbacks)
def test_an_encoded_label_is_valid_and_decodes_equal(event: Feedback) -> None:
    encoded = encode_feedback(event)

    assert not list(validator("feedback").iter_errors(json.loads(encoded)))
    assert decode_feedback(encoded) == event


@given(alert=alerts)
def test_an_encoded_alert_is_valid_and_decodes_equal(alert: Alert) -> None:
    encoded = encode_alert(alert)

    # Instants are text to the struct; the life cycle writes them with to_rfc3339.
    assert not list(validator("alert", formats=False).iter_errors(json.loads(encoded)))
    assert decode_alert(encoded) == alert


@given(metric=metrics)
def test_an_encoded_metric_is_valid_and_decodes_equal(metric: Metric) -> None:
    encoded = encode_metric(metric)

    assert not list(validator("metric", formats=False).iter_errors(json.loads(encoded)))
    assert decode_metric(encoded) == metric


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTS)
@given(data=st.data())
def test_whatever_the_schema_allows_is_accepted(name: str, data: st.DataObject) -> None:
    document = data.draw(documents(schema(name)))
    assert validator(name).is_valid(document)

    assert accepted(name, document)


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
@given(data=st.data())
def test_schema_and_codec_agree_on_documents_with_something_wrong(name: str, data: st.DataObject) -> None:
    document = dict(data.draw(documents(schema(name))))
    field = data.draw(st.sampled_from(sorted(schema(name)["properties"])))
    if data.draw(st.booleans()):
        document.pop(field, None)
    elif isinstance(document.get(field), dict) and data.draw(st.booleans()):
        document[field] = {**document[field], data.draw(st.text(max_size=5)): data.draw(JSON)}
    else:
        document[field] = data.draw(JSON)

    assert accepted(name, document) == validator(name).is_valid(document)


@given(document=JSON)
def test_other_json_is_refused_by_both(document: object) -> None:
    for name in STRUCTS:
        assert not accepted(name, document)
        assert not validator(name).is_valid(document)
