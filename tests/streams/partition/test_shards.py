"""A sharded model is watched in several partitions at once, and their alerts are not taken for one another's."""

from __future__ import annotations

import random

import pytest

from driftbell.runtime.config.model import Config, Monitoring, Reference
from driftbell.schemas import Alert, Metric
from driftbell.schemas.codec import decode_alert, decode_metric
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Output, Record

START_MS = 1_700_000_000_000


def drifting(partition: Partition) -> tuple[list[Alert], list[Metric]]:
    """Let the model ``fraud`` drift in one partition."""
    rng = random.Random(partition.index)
    records = []
    for i in range(3000):
        body = (
            f'{{"prediction_id":"{i}","model":"fraud","version":"1","timestamp":{START_MS + i * 20},'
            f'"features":{{"amount":{rng.gauss(0, 1) + 3 * (i > 1500):.6f}}},"prediction":true}}'
        )
        records.append(Record(i, START_MS + i * 20, body.encode()))
    partition.push(Input.PREDICTIONS, records)
    for stream in Input:
        partition.advance_watermark(stream, START_MS + 200_000)
    alerts, metrics = [], []
    while (step := partition.next_step()) is not None:
        for _ in partition.run(step):
            pass
        if partition.at_safe_point:
            taken = partition.checkpoint()
            partition.saved(taken)
            partition.published(taken)
            for record in taken.outbox:
                if record.value is not None and record.output is Output.ALERTS:
                    alerts.append(decode_alert(record.value))
                elif record.value is not None and record.output is Output.METRICS:
                    metrics.append(decode_metric(record.value))
    return alerts, metrics


def config(shards: int) -> Config:
    monitoring = Monitoring(reference=Reference(events=500), metrics_window=10)
    return Config(monitoring=monitoring, models={"fraud": {"shards": shards}})


@pytest.mark.parametrize("shards", [1, 4])
def test_alerts_and_metrics_of_shards_are_told_apart(shards: int) -> None:
    told = [drifting(Partition(index, config(shards))) for index in (2, 5)]
    fingerprints = [{alert.fingerprint for alert in alerts if alert.status == "firing"} for alerts, _ in told]
    labels = [{alert.labels.get("shard") for alert in alerts} for alerts, _ in told]
    parts = [{metric.shard for metric in metrics} for _, metrics in told]

    assert all(fingerprints)
    if shards > 1:
        assert fingerprints[0].isdisjoint(fingerprints[1])
        assert labels == parts == [{"2"}, {"5"}]
    else:
        assert labels == parts == [{None}, {None}]
