from __future__ import annotations

import importlib
import itertools
import re
from pathlib import Path

import msgspec
import pytest

from driftbell.streams.detectors import RIVER_NAMES
from driftbell.streams.monitors.monitor import Family
from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY
from driftbell.streams.reference import Unwatched

DOCUMENT = (Path(__file__).parents[3] / "docs" / "monitors.md").read_text(encoding="utf-8")
ALERTS = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
ALL = {**REGISTRY, **MODEL_REGISTRY}


@pytest.mark.parametrize("name", ALL)
def test_every_monitor_reason_and_severity_is_documented(name: str) -> None:
    module = importlib.import_module(ALL[name].__module__)
    reasons = [thing for key, thing in vars(module).items() if key.endswith("Reason")]

    assert f"`{name}`" in DOCUMENT
    assert f"`{ALL[name].severity}`" in DOCUMENT
    assert reasons
    for reason in itertools.chain.from_iterable(reasons):
        assert f"`{reason.value}`" in DOCUMENT


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    for option in msgspec.structs.fields(ALL[name].options_type):
        default = option.default if option.default is not msgspec.NODEFAULT else {}
        shown = "none" if default is None else f"`{default}`"
        assert any(f"`{option.name}`" in line and shown in line for line in DOCUMENT.splitlines()), (
            f"{option.name} = {shown}"
        )


def test_every_reason_for_not_watching_and_every_detector_is_documented() -> None:
    for word in (*Unwatched, *RIVER_NAMES):
        assert f"`{word}`" in DOCUMENT


def test_every_family_is_documented_with_its_monitors_and_no_other() -> None:
    table = ALERTS.partition("## Families")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", table, re.MULTILINE)
    families = {family.value: [name for name in ALL if ALL[name].family is family] for family in Family}

    assert {family: re.findall(r"`(\w+)`", monitors) for family, monitors in rows} == families
