"""docs/contracts.md says all there is to say."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from driftbell.runtime.config.model import Topics
from driftbell.schemas import DeadLetterReason, Feedback, Prediction, alert_headers, dead_letter_headers, decode_alert
from driftbell.schemas.dead_letter import CUT_HEADERS
from tests.schemas.files import schema

DOCS = Path(__file__).parents[2] / "docs"
CONTRACTS = (DOCS / "contracts.md").read_text()


def named(text: str) -> set[str]:
    """Everything in ``text`` that is set as code in the first column of a table."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def section(title: str) -> str:
    """The text under the heading ``title``, up to the next heading of its level."""
    return CONTRACTS.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("struct", [Prediction, Feedback])
def test_every_field_of_an_input_is_described(struct: type[msgspec.Struct]) -> None:
    assert named(section(struct.__name__)) == {field.name for field in msgspec.structs.fields(struct)}


def test_every_reason_and_header_of_a_dead_letter_is_described() -> None:
    headers = {name for name, _ in dead_letter_headers("t", 0, 0, DeadLetterReason.NOT_JSON, "")}

    assert named(section("Dead letters")) == headers | set(CUT_HEADERS) | {reason.value for reason in DeadLetterReason}


def test_every_header_of_an_alert_is_described() -> None:
    alert = decode_alert(msgspec.json.encode(schema("alert")["examples"][0]))
    headers = {name for name, _ in alert_headers(alert, "/driftbell")}

    assert named(section("CloudEvents")) == headers - {"traceparent"}


def test_every_topic_is_described() -> None:
    topics = Topics()
    inputs = (topics.predictions, topics.feedback)
    dead_letters = {topic + topics.dead_letter_suffix for topic in inputs}

    described = named(CONTRACTS.split("\n## ")[0])
    assert described == {*inputs, topics.alerts, topics.alerts_active, topics.metrics, *dead_letters}


@pytest.mark.parametrize("page", ["contracts.md", "publishing.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text()):
        assert target.startswith("http") or (DOCS / target).exists(), target
