"""docs/metrics.md says what is exported: every metric, its type, its labels, and how many series it can have at most."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from driftbell.streams.observability.fired_reasons import FIRED_REASONS
from tests.deploy.exporters import FOREIGN, Exported, Family, exported

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(driftbell_\w+)` \| (\w+) \|([^|]*)\|([^|]*)\|([^|]+)\|$", re.MULTILINE)
_FLEETS = [(1, 1), (12, 1), (1, 3), (12, 3)]
_KINDS = ("email", "pagerduty", "slack")


@dataclass(frozen=True)
class Row:
    """One line of the tables."""

    type: str
    labels: frozenset[str]
    #: As ``12``, ``P``, ``3 I``.
    series: str


@cache
def documented() -> dict[str, Row]:
    """Metric -> what is said of it, by the name that queries use."""
    return {
        name: Row(kind, frozenset(re.findall(r"`(\w+)`", labels)), series.strip())
        for name, kind, labels, series, _ in _ROW.findall(TEXT)
    }


def ours(found: Exported) -> dict[str, Family]:
    """Our metrics by the name that queries use: counters with their ``_total``."""
    suffix = {"counter": "_total", "info": "_info"}
    return {
        family.name + suffix.get(family.type, ""): family
        for family in found.families.values()
        if not family.name.startswith(FOREIGN)
    }


def evaluate(series: str, partitions: int, integrations: int) -> int:
    """``95 + R + 8 P`` with numbers for P, I and R."""
    total = 0
    for term in series.split("+"):
        factor, _, letter = term.strip().rpartition(" ") if term.strip()[-1] in "PIR" else (term.strip(), "", "")
        count = {"P": partitions, "I": integrations, "R": len(FIRED_REASONS), "": 1}[letter]
        total += int(factor or 1) * count
    return total


def test_every_metric_is_documented_and_no_other() -> None:
    assert documented().keys() == ours(exported()).keys()


def test_types_and_labels_are_as_documented() -> None:
    said = {name: (row.type, row.labels) for name, row in documented().items()}

    assert said == {name: (family.type, frozenset(family.labels)) for name, family in ours(exported()).items()}


@pytest.mark.parametrize(("partitions", "integrations"), _FLEETS)
def test_there_are_as_many_series_as_documented(partitions: int, integrations: int) -> None:
    found = ours(exported(partitions, _KINDS[:integrations]))
    said = {name: evaluate(row.series, partitions, integrations) for name, row in documented().items()}

    assert said == {name: family.series for name, family in found.items()}


@pytest.mark.parametrize(("partitions", "integrations"), _FLEETS)
def test_the_totals_are_as_documented(partitions: int, integrations: int) -> None:
    families = exported(partitions, _KINDS[:integrations]).families.values()
    router = sum(family.series for family in families if family.name.startswith("driftbell_router_"))
    both = sum(
        family.series
        for family in families
        if family.name.startswith(FOREIGN) or family.name in {"driftbell_ready", "driftbell_build"}
    )
    process = sum(family.series for family in families if family.name.startswith(FOREIGN))
    total = sum(family.series for family in families)
    rows = re.findall(r"^\| (worker|router) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)

    said = {name: evaluate(series, partitions, integrations) for name, series, _ in rows}
    assert said == {"worker": total - router, "router": router + both}
    assert {name: evaluate(series, 12, 3) for name, series, _ in rows} == {
        name: evaluate(example, 12, 3) for name, _, example in rows
    }
    assert f"include the {process} about the process" in TEXT


def test_labels_are_partitions_or_short_lists() -> None:
    known = {"topic", "partition", "input", "reason", "outcome", "status", "result", "integration", "kind", "version"}

    assert {label for row in documented().values() for label in row.labels} <= known


def test_the_reasons_of_readiness_are_those_of_the_code() -> None:
    rooms = [ROOT / room for room in ("streams", "alerting", "runtime")]
    code = "".join(file.read_text(encoding="utf-8") for room in rooms for file in room.rglob("*.py"))
    # What /healthz alone says.
    healthz = {"stalled", "stuck"}
    reasons = set(re.findall(r'Health\(\s*(?:True|False),\s*"(\w+)"', code)) - healthz
    [line] = re.findall(r"Reasons of `driftbell_ready`:(.*?)\n\n", TEXT, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", line)) == reasons
