"""An alert with the windows of its metric: an hour as usual, then twenty minutes of more errors."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from driftbell.schemas import Alert, Series
from tests.alerting.alerts import START_MS, make_alert

MINUTE_MS = 60_000


def series(before: int = 60, after: int = 20) -> Series:
    """Windows of a minute."""
    rng = random.Random(1)
    values = [round(rng.uniform(0.03, 0.05), 6) for _ in range(before)]
    values += [round(rng.uniform(0.09, 0.11), 6) for _ in range(after)]
    start_ms = START_MS - (before + after) * MINUTE_MS
    return Series(start_ms=start_ms, width_ms=MINUTE_MS, steps=list(range(len(values))), values=values)


def alert_with(given: Series | None, change_after: int = 60, **changes: Any) -> Alert:
    """An alert whose change lies between two windows of its series."""
    alert = make_alert(series=given, **changes)
    begun = START_MS if given is None else given.start_ms
    evidence = msgspec.structs.replace(alert.evidence, change_point_ms=begun + change_after * MINUTE_MS)
    return msgspec.structs.replace(alert, evidence=evidence)
