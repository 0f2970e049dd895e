"""docs/publishing.md names every reason for which the client drops an event, and its Python runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from driftbell_client import Client, DropReason
from driftbell_client.settings import DEFAULTS
from tests.services.embedded import EmbeddedBroker

PAGE = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text()


def test_every_drop_reason_is_described() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)

    assert set(rows) == {reason.value for reason in DropReason}


def test_the_first_python_example_runs_as_it_is_printed(
    embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    assert example.startswith("from driftbell_client import Client")
    namespace: dict[str, Any] = {}
    exec(example.replace("kafka-1:9092,kafka-2:9092", embedded_broker.bootstrap), namespace)  # noqa: S102 - our own page
    client: Client = namespace["client"]

    assert client.close() == 0
    assert client.stats().delivered == 2
    assert client.stats().total_dropped == 0


def test_the_limits_that_the_page_names_are_the_defaults() -> None:
    assert DEFAULTS["queue.buffering.max.messages"] == 100_000
    assert DEFAULTS["queue.buffering.max.kbytes"] == 64 * 1024
    assert DEFAULTS["delivery.timeout.ms"] == 2 * 60 * 1000
    assert DEFAULTS["linger.ms"] == 50
    assert DEFAULTS["compression.type"] == "lz4"
    assert DEFAULTS["acks"] == "all"
