"""What the worker and the router really export, looked up by the names in the rules, the dashboard and the documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.runtime.observability.ops import Health, OpsServer, new_registry
from driftbell.streams.observability.metrics import EngineCollector
from driftbell.streams.records import Input
from tests.streams.observability.watched import Watched

#: Metrics about a process, which are prometheus_client's own.
FOREIGN = ("process_", "python_")


@dataclass(frozen=True)
class Family:
    """One metric, as it is exported."""

    name: str
    type: str
    #: Every label, ``le`` apart, with the values it has.
    labels: Mapping[str, frozenset[str]]
    series: int
    #: The names of its samples, which are what a query says.
    samples: frozenset[str]


@dataclass(frozen=True)
class Exported:
    """Everything that one worker and one router export."""

    families: Mapping[str, Family]
    #: Sample name -> label -> values.
    samples: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)


@cache
def exported(partitions: int = 1, integrations: tuple[str, ...] = ("pagerduty",)) -> Exported:
    """What a worker with so many partitions and a router with these integrations export."""
    return asyncio.run(_export(partitions, integrations))


async def _export(partitions: int, integrations: tuple[str, ...]) -> Exported:
    watched = Watched()
    await watched.engine.assigned(range(partitions), 1)
    watched.broker.ends = {(stream, index): 0 for stream in Input for index in range(partitions)}
    worker = new_registry()
    worker.register(EngineCollector(watched.engine, lag=watched.lag, coordinator_errors=lambda: 0))
    router = new_registry()
    metrics = RouterMetrics(router, integrations)
    metrics.lag.labels("0").set(0)
    for integration in integrations:
        metrics.attempt_seconds.labels(integration)
    found = await _collect(worker, Health(True, "ok")) + await _collect(router, Health(True, "leader"))
    await watched.engine.stop()
    return _by_name(found)


async def _collect(registry: CollectorRegistry, health: Health) -> list[Metric]:
    async with OpsServer("127.0.0.1", 0, registry=registry, health=lambda: health, ready=lambda: health):
        return list(registry.collect())


def _by_name(found: list[Metric]) -> Exported:
    families: dict[str, Family] = {}
    samples: dict[str, dict[str, frozenset[str]]] = {}
    for metric in found:
        labels: dict[str, set[str]] = {}
        for sample in metric.samples:
            of_sample = samples.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                of_sample[label] = of_sample.get(label, frozenset()) | {value}
                if label != "le":
                    labels.setdefault(label, set()).add(value)
        names = frozenset(sample.name for sample in metric.samples)
        families[metric.name] = Family(
            metric.name,
            metric.type,
            {label: frozenset(values) for label, values in labels.items()},
            len(metric.samples),
            names,
        )
    return Exported(families, samples)
