"""A decision about a group, told in the log and the metrics."""

from __future__ import annotations

import logging

from driftbell.alerting.incidents.decision import Decision
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.process.metrics import RouterMetrics

log = logging.getLogger(__name__)


def tell(decision: Decision, destination: Destination, metrics: RouterMetrics) -> None:
    """Tell of one flush for one destination, also when nothing is sent: why not is what people ask."""
    metrics.decisions.labels(destination.integration, decision.reason.value).inc()
    log.info(
        "group flushed",
        extra={
            "group": decision.group_key,
            "destination": destination.label,
            "reason": decision.reason.value,
            "queued": decision.queued.value if decision.queued else None,
            "firing": decision.firing,
            "resolved": decision.resolved,
            "age_ms": decision.age_ms,
            "muted": {fingerprint: str(mute) for fingerprint, mute in decision.muted.items()},
        },
    )
