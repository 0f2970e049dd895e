"""From the alerts of a group to what one delivery says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from driftbell.alerting.rendering.pictured import only_pictured
from driftbell.alerting.rendering.text import truncate
from driftbell.alerting.state.records import Group, LogEntry, Notification, Severity
from driftbell.schemas import Alert

#: Alerts that one notification carries; more are counted. No channel but the webhook shows more than a few.
MAX_ALERTS = 200

#: Characters of one label or annotation that a notification carries.
MAX_VALUE = 4_096

#: Characters of the labels and annotations of all its alerts. With ``MAX_ALERTS`` it bounds a row of the outbox.
MAX_CHARACTERS = 1_000_000


def notify(
    group: Group,
    receiver: str,
    firing: Sequence[Alert],
    resolved: Sequence[Alert],
    *,
    reason: str,
    now_ms: int,
    external_url: str = "",
    told: LogEntry | None = None,
) -> Notification:
    """Compose a notification. Alerts come in Alertmanager's order: by ``job``, ``instance``, then all labels.

    Severity is that of the worst firing alert, or of the worst resolved one when nothing fires. ``told`` is what the
    destination was sent last.
    """
    everything = [*firing, *resolved]
    shown = everything
    if len(everything) > MAX_ALERTS:
        shown = _worst_first(everything)[:MAX_ALERTS]
    shown = _fitting([_bounded(alert) for alert in shown])
    known, over = (told.firing, told.resolved) if told else (frozenset[str](), frozenset[str]())
    return Notification(
        receiver=receiver,
        status="firing" if firing else "resolved",
        reason=reason,
        severity=min((severity(alert) for alert in firing or resolved), key=_rank, default=Severity.WARNING),
        group_key=truncate(group.key, MAX_VALUE),
        group_labels=_short(group.labels),
        common_labels=_short(common(alert.labels for alert in everything)),
        common_annotations=_short(common(alert.annotations for alert in everything)),
        alerts=only_pictured(sorted(shown, key=order)),
        firing=len(firing),
        resolved=len(resolved),
        decided_ms=now_ms,
        external_url=external_url,
        began=[one.fingerprint for one in firing if one.fingerprint not in known][:MAX_ALERTS],
        ended=[one.fingerprint for one in resolved if one.fingerprint in known - over][:MAX_ALERTS],
    )


def severity(alert: Alert) -> Severity:
    """An alert's severity, from its label."""
    return Severity.of(alert.labels.get("severity"))


def worst(alerts: Iterable[Alert]) -> int:
    """The rank of the most severe alert, 0 for critical; -1, more than any, when there is none to be compared with."""
    return min((severity(alert).rank for alert in alerts), default=-1)


def common(tables: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The pairs that all tables have in common, sorted by name."""
    shared: dict[str, str] | None = None
    for table in tables:
        if shared is None:
            shared = dict(table)
            continue
        shared = {name: value for name, value in shared.items() if table.get(name) == value}
        if not shared:
            break
    return dict(sorted((shared or {}).items()))


def without_resolved(notification: Notification) -> Notification:
    """The same without alerts that are over, for destinations with ``send_resolved: false``."""
    alerts = [alert for alert in notification.alerts if alert.status == "firing"]
    return msgspec.structs.replace(notification, alerts=alerts, resolved=0)


def _worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (alert.status != "firing", severity(alert).rank))


def _fitting(alerts: list[Alert]) -> list[Alert]:
    """The alerts that fit into a notification. Annotations are cut first, an equal share each, then alerts are left out."""
    if sum(map(_size, alerts)) <= MAX_CHARACTERS:
        return alerts
    share = MAX_CHARACTERS // len(alerts)
    fitting: list[Alert] = []
    used = 0
    for alert in _worst_first(alerts):
        cut = alert
        if _size(alert) > share:
            room = share - _size(msgspec.structs.replace(alert, annotations={}))
            cut = msgspec.structs.replace(alert, annotations=_first(alert.annotations, room))
        # One is always shown: it is bounded by the number and the lengths of its labels.
        if not fitting or used + _size(cut) <= MAX_CHARACTERS:
            fitting.append(cut)
            used += _size(cut)
    return fitting


def _size(alert: Alert) -> int:
    texts = (*alert.labels, *alert.labels.values(), *alert.annotations, *alert.annotations.values(), alert.generatorURL)
    return sum(map(len, texts))


def _first(annotations: Mapping[str, str], room: int) -> dict[str, str]:
    """As many as have room, those that people read first of all; the last one is cut."""
    kept = {}
    for name in sorted(annotations, key=lambda name: name not in ("summary", "description", "runbook_url")):
        room -= len(name)
        if room <= 0:
            break
        kept[name] = truncate(annotations[name], room)
        room -= len(kept[name])
    return kept


def _bounded(alert: Alert) -> Alert:
    longest = max(map(len, (*alert.labels.values(), *alert.annotations.values(), alert.generatorURL)), default=0)
    if longest <= MAX_VALUE:
        return alert
    return msgspec.structs.replace(
        alert,
        labels=_short(alert.labels),
        annotations=_short(alert.annotations),
        generatorURL=truncate(alert.generatorURL, MAX_VALUE),
    )


def _short(table: Mapping[str, str]) -> dict[str, str]:
    return {name: truncate(value, MAX_VALUE) for name, value in table.items()}


def _rank(one: Severity) -> int:
    return one.rank


def order(alert: Alert) -> tuple[Any, ...]:
    """A key for Alertmanager's order of alerts: with a ``job`` first, by it; then so by ``instance``; then by all labels."""
    labels = alert.labels
    places = ((name not in labels, labels.get(name, "")) for name in ("job", "instance"))
    return (*places, labels_order(labels))


def labels_order(labels: Mapping[str, str]) -> tuple[Any, ...]:
    """A key for Alertmanager's order of label sets.

    Fewer labels first; then the one that lacks the first name that the other has; then by value.
    """
    return (len(labels), *((_downwards(name), labels[name]) for name in sorted(labels)))


@lru_cache(maxsize=10_000)
def _downwards(name: str) -> tuple[int, ...]:
    """A key for names from the last to the first: code points below zero, and an end that is above them."""
    return (*(-ord(character) for character in name), 1)
