"""The outbox of a partition: what was decided, as records to publish once the checkpoint that holds them is saved."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.schemas import Alert, Metric
from driftbell.schemas.cloudevents import alert_headers
from driftbell.schemas.codec import encode_alert, encode_metric
from driftbell.streams.records import OutboxRecord, Output


def alert_records(alert: Alert, group: str) -> Iterator[OutboxRecord]:
    """The transition, and what it does to the compacted topic of active alerts. ``group`` names the source."""
    key, value = alert.fingerprint.encode(), encode_alert(alert)
    headers = tuple(alert_headers(alert, f"/driftbell/{group}"))
    yield OutboxRecord(Output.ALERTS, key, value, headers)
    if alert.partition is not None:
        # Of one condition in several partitions each has a record of its own: none takes the place of another's.
        key = f"{alert.fingerprint}@{alert.partition}".encode()
    if alert.status == "firing":
        yield OutboxRecord(Output.ALERTS_ACTIVE, key, value, headers)
    elif alert.status == "resolved":
        yield OutboxRecord(Output.ALERTS_ACTIVE, key, None)


def metric_record(metric: Metric) -> OutboxRecord:
    """One window, or a revision of it."""
    return OutboxRecord(Output.METRICS, metric.model.encode(), encode_metric(metric))
