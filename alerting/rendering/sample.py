"""A delivery with a bit of everything: templates are tried on it before the first message needs them."""

from __future__ import annotations

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.state.records import Incident, Kind, Notification, Severity
from driftbell.schemas import Alert, Evidence, FeatureShift

_START_MS = 1_767_225_600_000

_ALERT = Alert(
    id="00000000-0000-5000-8000-000000000000",
    fingerprint="0123456789abcdef",
    status="firing",
    labels={"alertname": "ErrorRateRose", "model": "fraud", "version": "3", "severity": "critical"},
    annotations={"summary": "error rate of fraud v3 rose from 4.1 % to 9.8 %", "runbook_url": "https://example.org"},
    startsAt="2026-01-01T00:00:00Z",
    updatedAt="2026-01-01T00:00:00Z",
    episode=1,
    reason="fired",
    evidence=Evidence(metric="error_rate", value=0.098, features=[FeatureShift(feature="amount", evidence=12.0)]),
)

SAMPLE = Delivery(
    id="0" * 24 + "-1",
    kind=Kind.TRIGGER,
    notification=Notification(
        receiver="sample",
        status="firing",
        reason="first_notification",
        severity=Severity.CRITICAL,
        group_key='{}:{alertname="ErrorRateRose"}',
        group_labels={"alertname": "ErrorRateRose"},
        common_labels=_ALERT.labels,
        common_annotations=_ALERT.annotations,
        alerts=[_ALERT],
        firing=1,
        resolved=0,
        decided_ms=_START_MS,
    ),
    incident=Incident(id="0" * 24, opened_ms=_START_MS, subject="sample"),
    key="0" * 32,
)
