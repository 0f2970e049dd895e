"""The AsyncAPI document names every topic, and all its references resolve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from driftbell.runtime.config.model import Topics
from driftbell.schemas import alert_headers, decode_alert
from tests.schemas.files import NAMES, schema

DOCUMENT: dict[str, Any] = yaml.safe_load(resources.files("schemas").joinpath("asyncapi.yaml").read_text())


def references(node: Any) -> Iterator[str]:
    """Every ``$ref`` below ``node``."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(reference: str) -> Any:
    """What ``reference`` points to, in the document or in a file beside it."""
    file, _, pointer = reference.partition("#")
    node = json.loads(resources.files("schemas").joinpath(file).read_text()) if file else DOCUMENT
    for step in filter(None, pointer.split("/")):
        node = node[step]
    return node


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_each_reference_resolves(reference: str) -> None:
    assert isinstance(resolve(reference), dict)


def test_every_json_schema_is_the_payload_or_the_headers_of_a_message() -> None:
    files = {reference for reference in references(DOCUMENT["components"]["messages"]) if reference.startswith(".")}

    assert files == {f"./jsonschema/{name}.v1.json" for name in NAMES}
    assert resolve("./jsonschema/alert.v1.json") == schema("alert")


def test_every_topic_has_a_channel_with_its_name_and_clean_up_policy() -> None:
    topics = Topics()
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    expected = {
        getattr(topics, field.name)
        for field in msgspec.structs.fields(Topics)
        if field.type is str and field.name != "dead_letter_suffix"
    }
    inputs = {topics.predictions, topics.feedback}

    assert addresses == expected | {topic + topics.dead_letter_suffix for topic in inputs}
    for channel in DOCUMENT["channels"].values():
        binding = channel["bindings"]["kafka"]
        compacted = channel["address"] == topics.alerts_active
        assert binding["topic"] == channel["address"]
        assert binding["topicConfiguration"]["cleanup.policy"] == (["compact"] if compacted else ["delete"])
        assert binding.get("partitions", topics.partitions) == topics.partitions


def test_every_channel_is_used_by_one_operation_in_the_right_direction() -> None:
    directions = {
        resolve(operation["channel"]["$ref"])["address"]: operation["action"]
        for operation in DOCUMENT["operations"].values()
    }

    assert len(DOCUMENT["operations"]) == len(DOCUMENT["channels"]) == len(directions)
    for address, action in directions.items():
        assert action == ("receive" if address in {"predictions", "feedback"} else "send")


def test_every_message_is_on_a_channel_and_says_what_its_key_is() -> None:
    used = {message["$ref"] for channel in DOCUMENT["channels"].values() for message in channel["messages"].values()}

    assert used == {f"#/components/messages/{name}" for name in DOCUMENT["components"]["messages"]}
    for message in DOCUMENT["components"]["messages"].values():
        assert message["bindings"]["kafka"]["key"]["description"]


def test_the_headers_of_an_alert_are_as_described() -> None:
    described = DOCUMENT["components"]["schemas"]["alert_headers"]
    alert = decode_alert(json.dumps(schema("alert")["examples"][0]).encode())
    headers = {name: value.decode() for name, value in alert_headers(alert, "/driftbell")}

    assert not list(Draft202012Validator(described).iter_errors(headers))
    assert set(described["properties"]) == set(headers)
