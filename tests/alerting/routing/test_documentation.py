"""docs/routing.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from driftbell.alerting.channels.registry import KINDS, MODEL
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.outbox.outcome import RETRY, OutcomeReason, Retry
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.rendering.templates import variables
from driftbell.alerting.routing.differences import DIFFERENCES
from driftbell.runtime.config.loader import load
from driftbell.runtime.config.router_check import check
from tests.alerting.channels.deliveries import delivery

TEXT = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")


def test_every_difference_is_listed_and_no_other() -> None:
    table = TEXT.split("## Differences to Alertmanager")[1]
    listed = [line for line in table.splitlines() if line.startswith("| ")][1:]

    assert listed == [f"| {d.subject} | {d.alertmanager} | {d.driftbell} | {d.reason} |" for d in DIFFERENCES]


def test_the_example_is_a_sound_configuration(tmp_path: Path) -> None:
    example, *parts = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    document = yaml.safe_load(example)
    for part in map(yaml.safe_load, parts):
        if isinstance(part, list):
            document["router"]["route"]["routes"] += part
        else:
            document["router"] |= part["router"]
    example = yaml.safe_dump(document)
    file = tmp_path / "driftbell.yaml"
    file.write_text(example)
    config = load(file, env={}, model=MODEL)

    assert check(config.router) == []
    assert set(yaml.safe_load(example)) == {"router"}


def test_every_reason_and_variable_is_explained() -> None:
    for reason in DecisionReason:
        assert f"`{reason.value}`" in TEXT
    for name in variables(delivery()):
        assert f"`{name}`" in TEXT
    outcomes = [outcome for outcome in RETRY if outcome not in (OutcomeReason.INTERRUPTED, OutcomeReason.CHANNEL_BUG)]
    for outcome in outcomes:
        assert f"`{outcome.value}`" in TEXT
    assert RETRY[OutcomeReason.NO_ANSWER] is Retry.UNKNOWN


def test_every_field_of_a_receiver_is_listed() -> None:
    for kind in KINDS:
        for field in kind.settings.__struct_fields__:
            name = field.removesuffix("_")
            if not name.endswith(("_file", "_env")) or name == "tls_ca_file":
                assert f"`{name}`" in TEXT, name


def test_every_metric_that_is_named_is_exported() -> None:
    registry = CollectorRegistry()
    RouterMetrics(registry)
    suffix = {"counter": "_total"}
    exported = {metric.name + suffix.get(metric.type, "") for metric in registry.collect()}
    named = set(re.findall(r"driftbell_router_\w+", TEXT))

    assert named
    assert named <= exported
