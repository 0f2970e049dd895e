"""Alert records as a stream worker publishes them."""

from __future__ import annotations

from typing import Any

from driftbell.alerting.times import rfc3339
from driftbell.schemas import Alert, Evidence, FeatureShift, Status, alert_id, fingerprint

#: 2026-11-24T14:00:00Z, where tests begin.
START_MS = 1_795_528_800_000


def make_alert(
    status: Status = "firing",
    *,
    at_ms: int = START_MS,
    started_ms: int | None = None,
    episode: int = 1,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **changes: Any,
) -> Alert:
    """A record of one transition at ``at_ms``; extra labels are laid over those of a critical error-rate alert."""
    identity = {"alertname": "ErrorRateRose", "model": "fraud", "version": "3", "severity": "critical"} | (labels or {})
    mark = fingerprint(identity)
    summary = f"error rate of {identity['model']} v{identity['version']} rose from 4.1 % to 9.8 %"
    fields: dict[str, Any] = {
        "id": alert_id(mark, episode, status),
        "fingerprint": mark,
        "status": status,
        "labels": identity,
        "annotations": {"summary": summary, "runbook_url": "https://runbooks.example.org/error-rate"}
        | (annotations or {}),
        "startsAt": rfc3339(at_ms if started_ms is None else started_ms),
        "endsAt": rfc3339(at_ms) if status == "resolved" else None,
        "updatedAt": rfc3339(at_ms),
        "episode": episode,
        "reason": "test",
        "evidence": Evidence(
            metric="error_rate",
            value=0.098,
            baseline=0.041,
            threshold=0.06,
            window_events=1204,
            change_point_ms=at_ms - 120_000,
            detector="bernoulli_cusum",
            features=[
                FeatureShift(feature="amount", evidence=41.0, psi=0.52),
                FeatureShift(feature="country", evidence=9.0),
            ],
        ),
    }
    return Alert(**fields | changes)
