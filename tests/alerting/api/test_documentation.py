"""docs/api.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from driftbell.alerting.api.application import PREFIX
from driftbell.alerting.api.differences import API_DIFFERENCES
from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config.router_check import check
from tests.alerting.api.serving import serving

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_difference_is_listed_and_no_other() -> None:
    table = TEXT.split("## Differences to Alertmanager")[1]
    listed = [line for line in table.splitlines() if line.startswith("| ")][1:]

    assert listed == [f"| {d.subject} | {d.alertmanager} | {d.driftbell} | {d.reason} |" for d in API_DIFFERENCES]


def test_the_examples_are_sound_configurations() -> None:
    examples = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
    assert examples
    for example in (one for one in examples if "router" in one):
        assert check(msgspec.convert(example["router"], MODEL.router)) == []


async def test_every_path_is_listed_and_no_other() -> None:
    rows = re.findall(r"^\| (`/.*?) \| ([A-Z, ]+) \|", TEXT, re.MULTILINE)
    listed = {path: set(methods.split(", ")) for paths, methods in rows for path in re.findall("`(.*?)`", paths)}
    async with serving() as served:
        there: dict[str, set[str]] = {}
        for route in served.server.app.router.routes():
            path = route.resource.canonical if route.resource is not None else ""
            if not path.endswith("/"):
                there.setdefault(path, set()).add(route.method)
    outside = {path for path in there if not path.startswith(PREFIX)}

    assert set(listed) == set(there)
    assert {path: methods for path, methods in there.items() if path not in outside} == {
        path: methods for path, methods in listed.items() if path not in outside
    }
