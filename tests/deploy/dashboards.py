"""The dashboards of deploy/grafana, read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"

#: What Grafana puts in for its own variables, near enough for a syntax check. ``job`` is the dashboard's, with "All" chosen.
VALUES = {"$__rate_interval": "1m", "$job": ".*"}


@cache
def dashboard() -> dict[str, Any]:
    """The one dashboard."""
    found: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "driftbell.json").read_text(encoding="utf-8"))
    return found


def queries() -> Iterator[tuple[str, dict[str, Any]]]:
    """(panel's title, target) of everything that the dashboard asks Prometheus."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def expression(target: dict[str, Any]) -> str:
    """A target's expression with its variables filled in."""
    text: str = target["expr"]
    for variable, value in VALUES.items():
        text = text.replace(variable, value)
    return text
