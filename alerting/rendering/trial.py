"""Messages that are no alerts of anybody: a test of a receiver (``driftbell notify test``), and a heartbeat."""

from __future__ import annotations

import msgspec

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.message import TRIAL, subject
from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.records import Group, Incident, Kind, Severity
from driftbell.alerting.times import rfc3339
from driftbell.schemas import Alert, Evidence
from driftbell.schemas.fingerprint import fingerprint

TEST, HEARTBEAT = "DriftbellTest", "DriftbellHeartbeat"


def trial(
    kind: Kind,
    *,
    receiver: str,
    destination: str,
    severity: Severity,
    by: str,
    now_ms: int,
    handle: dict[str, str] | None = None,
    started_ms: int | None = None,
    external_url: str = "",
) -> Delivery:
    """A delivery as the router would hand it to a channel, about an alert that says that it is a test.

    Args:
        kind: open it, or close it.
        receiver: the name of the receiver.
        destination: the id of the destination; with the moment of the start it is the identity towards the vendor.
        severity: of the alert. A critical one calls people as every critical page does.
        by: who tests; shown.
        now_ms: epoch milliseconds.
        handle: of a close: what the channel answered when it was opened.
        started_ms: of a close: when it was opened.
        external_url: of the router.
    """
    started_ms = now_ms if started_ms is None else started_ms
    labels = {"alertname": TEST, "receiver": receiver, "severity": severity.value}
    text = f"This is a test of the receiver {receiver}{f' by {by}' if by else ''}. Nothing is wrong, and nobody has to act."
    key = digest("trial", destination, str(started_ms))
    return _delivery(kind, key, receiver, labels, text, started_ms, now_ms, handle=handle, external_url=external_url)


def beat(receiver: str, destination: str, now_ms: int) -> Delivery:
    """A heartbeat, as the router hands it to a channel: an alert that always fires."""
    labels = {"alertname": HEARTBEAT, "receiver": receiver, "severity": Severity.INFO.value}
    text = "driftbell's router does its work. This message comes again and again; that it stays away is the alarm."
    return _delivery(Kind.TRIGGER, digest("heartbeat", destination), receiver, labels, text, now_ms, now_ms)


def _delivery(
    kind: Kind,
    key: str,
    receiver: str,
    labels: dict[str, str],
    text: str,
    started_ms: int,
    now_ms: int,
    *,
    handle: dict[str, str] | None = None,
    external_url: str = "",
) -> Delivery:
    over = kind is Kind.RESOLVE
    alert = Alert(
        id=digest(key, kind.value, str(now_ms)),
        fingerprint=fingerprint(labels),
        status="resolved" if over else "firing",
        labels=labels,
        annotations={"summary": text},
        startsAt=rfc3339(started_ms),
        endsAt=rfc3339(now_ms) if over else None,
        updatedAt=rfc3339(now_ms),
        episode=1,
        reason=TRIAL,
        evidence=Evidence(metric=TRIAL),
    )
    name = labels["alertname"]
    group = Group(
        id=key,
        route_id="",
        key=f'{{}}:{{alertname="{name}"}}',
        labels={"alertname": name},
        created_ms=started_ms,
        next_flush_ms=now_ms,
    )
    firing, resolved = ([], [alert]) if over else ([alert], [])
    notification = notify(group, receiver, firing, resolved, reason=TRIAL, now_ms=now_ms, external_url=external_url)
    # The subject of an incident is that of its opening; a mail that closes it answers by it.
    as_opened = msgspec.structs.replace(alert, status="firing", endsAt=None)
    opening = notify(group, receiver, [as_opened], [], reason=TRIAL, now_ms=started_ms, external_url=external_url)
    incident = Incident(id=key[:24], opened_ms=started_ms, subject=subject(opening), handle=dict(handle or {}))
    if over:
        incident.delivered = "yes"
    return Delivery(f"{incident.id}-{1 + over}", kind, notification, incident, key)
