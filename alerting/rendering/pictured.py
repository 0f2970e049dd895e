"""Which alert of a message has a picture, and how many alerts in memory may keep what it is drawn from (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from driftbell.alerting.state.records import Severity
from driftbell.schemas import Alert

#: A series has a kilobyte in a store and some in memory: in a storm nobody looks at pictures.
MAX_WITH_SERIES = 1_000


def pictured(alerts: Iterable[Alert]) -> Alert | None:
    """The alert whose picture a message has: what fires before what is over, a fall of performance before its causes."""
    return min((alert for alert in alerts if alert.series is not None), key=_order, default=None)


def only_pictured(alerts: list[Alert]) -> list[Alert]:
    """The same alerts, of which one keeps its series: a message shows one picture, and rests in a store."""
    chosen = pictured(alerts)
    return [alert if alert is chosen or alert.series is None else without_series(alert) for alert in alerts]


def affordable(alert: Alert, firing: int) -> Alert:
    """The alert as the state keeps it where so many others fire."""
    return alert if alert.series is None or firing < MAX_WITH_SERIES else without_series(alert)


def without_series(alert: Alert) -> Alert:
    """The alert without what a picture is drawn from."""
    return msgspec.structs.replace(alert, series=None)


def _order(alert: Alert) -> tuple[bool, bool, int, str]:
    performance = alert.labels.get("family") == "performance"
    return alert.status != "firing", not performance, Severity.of(alert.labels.get("severity")).rank, alert.fingerprint
