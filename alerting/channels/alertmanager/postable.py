"""An alert as ``POST /api/v2/alerts`` takes it.

Source: ``api/v2/openapi.yaml`` of Alertmanager (``postableAlert``), ``types.Alert.Validate``: names of labels are of letters,
digits and ``_``, there is one label at least, and an end is not before its start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from driftbell.alerting.rendering.message import facts
from driftbell.alerting.rendering.notification import MAX_VALUE
from driftbell.alerting.rendering.text import clean, truncate, web_address
from driftbell.alerting.times import rfc3339, to_ms
from driftbell.schemas import Alert

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
#: Facts that Alertmanager shows itself, or that change with the moment: annotations that change are another text each time.
_NOT_ANNOTATED = frozenset({"Labels", "Description", "Started", "Lasted"})


def postable(alert: Alert, now_ms: int, resolve_after_ms: int, *, plain: bool = False) -> dict[str, Any]:
    """The alert; one that fires ends ``resolve_after_ms`` from now unless it is posted again.

    Args:
        alert: it fires, or is over.
        now_ms: the moment of the request.
        resolve_after_ms: how long the Alertmanager believes it.
        plain: with what it needs, for an Alertmanager that has refused the rest.
    """
    started_ms = to_ms(alert.startsAt)
    if alert.status == "resolved":
        ends_ms = max(to_ms(alert.endsAt) if alert.endsAt else now_ms, started_ms)
    else:
        ends_ms = max(now_ms, started_ms) + resolve_after_ms
    found: dict[str, Any] = {
        # Labels are what Alertmanager knows an alert by: the same in every post.
        "labels": _named(alert.labels) or {"alertname": "DriftbellAlert"},
        "annotations": _named({"summary": alert.annotations.get("summary", "")} if plain else _annotations(alert)),
        "startsAt": rfc3339(started_ms),
        "endsAt": rfc3339(ends_ms),
    }
    href = web_address(alert.generatorURL)
    if href is not None and not plain:
        found["generatorURL"] = href
    return found


def _annotations(alert: Alert) -> dict[str, str]:
    """The alert's own, and what a page says of its evidence."""
    said = {
        fact.name.lower().replace(" ", "_"): fact.value
        for fact in facts(alert, 0)
        if not fact.link and fact.name not in _NOT_ANNOTATED
    }
    return said | alert.annotations


def _named(table: Mapping[str, str]) -> dict[str, str]:
    """With names that Alertmanager takes, a right one before a bent one, and without what is empty, which it drops."""
    bent: dict[str, str] = {}
    for name, value in sorted(table.items()):
        text = truncate(clean(value), MAX_VALUE)
        if not text:
            continue
        fitting = _NOT_IN_A_NAME.sub("_", name)
        if not fitting or fitting[0].isdigit():
            fitting = f"_{fitting}"
        if fitting == name or fitting not in bent:
            bent[fitting] = text
    return bent
