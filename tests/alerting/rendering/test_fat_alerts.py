"""Alerts with very long labels and annotations: what one notification carries of them is bounded."""

from __future__ import annotations

import msgspec

from driftbell.alerting.rendering.notification import MAX_CHARACTERS, MAX_VALUE, notify
from driftbell.alerting.state.records import Group, Notification
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS, make_alert

GROUP = Group(id="g", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)


def told(alerts: list[Alert]) -> Notification:
    return notify(GROUP, "a", alerts, [], reason="new", now_ms=START_MS)


def size(notification: Notification) -> int:
    tables = [table for alert in notification.alerts for table in (alert.labels, alert.annotations)]
    return sum(len(name) + len(value) for table in tables for name, value in table.items())


def alert(number: int, severity: str = "warning", *, labels: int = 0, annotations: int = 0) -> Alert:
    own = {"alertname": "A", "n": f"{number:03}", "severity": severity}
    return msgspec.structs.replace(
        make_alert(),
        fingerprint=f"f{number}",
        labels=own | {f"l{index}": chr(97 + number % 26) * MAX_VALUE for index in range(labels)},
        annotations={f"a{index}": chr(97 + number % 26) * MAX_VALUE for index in range(annotations)}
        | {"summary": "short"},
        generatorURL="",
    )


def test_long_annotations_are_cut_and_every_alert_is_carried_with_its_summary() -> None:
    fat, slim = [alert(number, annotations=20) for number in range(150)], alert(150)
    notification = told([*fat, slim])
    assert 0.9 * MAX_CHARACTERS < size(notification) <= MAX_CHARACTERS
    assert (len(notification.alerts), notification.truncated) == (151, 0)
    assert {one.annotations["summary"] for one in notification.alerts} == {"short"}
    assert slim in notification.alerts


def test_alerts_with_long_labels_are_counted_and_the_worst_are_carried() -> None:
    alerts = [alert(number, "critical" if number % 40 == 0 else "warning", labels=50) for number in range(40)]
    notification = told([*alerts, alert(40)])
    assert size(notification) <= MAX_CHARACTERS
    carried = {one.fingerprint for one in notification.alerts}
    assert {"f0", "f40"} <= carried, "the worst, and one that has room"
    assert (notification.firing, notification.truncated) == (41, 41 - len(carried))


def test_one_alert_is_carried_however_long_its_labels_are() -> None:
    notification = told([alert(0, "critical", labels=100, annotations=100), alert(1, labels=100, annotations=100)])
    assert notification.alerts and size(notification) <= MAX_CHARACTERS
    assert len(told([alert(0, labels=100, annotations=190)]).alerts) == 1


def test_what_fits_is_carried_as_it_is() -> None:
    alerts = [alert(number, annotations=1) for number in range(200)]
    assert told(alerts).alerts == alerts
