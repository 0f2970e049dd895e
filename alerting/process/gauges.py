"""The router's gauges, read off its state."""

from __future__ import annotations

from collections.abc import Container, Iterable

from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.state.state import State


def measure(
    metrics: RouterMetrics, state: State, destinations: Iterable[Destination], now_ms: int, dead: Container[str] = ()
) -> None:
    """Set the gauges to what the state says at ``now_ms``."""
    rows: dict[str, int] = {}
    incidents: dict[str, int] = {}
    oldest_ms: dict[str, int] = {}
    fail: dict[str, int] = {}
    for destination in destinations:
        name = destination.integration
        for counts in (rows, incidents, oldest_ms, fail):
            counts.setdefault(name, 0)
        fail[name] += destination.id in dead
        for queue in state.queues_of(destination.id):
            rows[name] += len(queue.rows)
            incidents[name] += sum(incident.delivered != "no" for incident in queue.incidents)
            oldest_ms[name] = max([oldest_ms[name], *(now_ms - row.since_ms for row in queue.rows)])
    for name, waiting in rows.items():
        metrics.queue.labels(name).set(waiting)
        metrics.incidents.labels(name).set(incidents[name])
        metrics.queue_age.labels(name).set(oldest_ms[name] / 1000)
        metrics.dead.labels(name).set(fail[name])
    metrics.retired.set(sum(bool(known.retired_ms) for known in state.destinations.values()))
    metrics.groups.set(len(state.groups))
    metrics.firing.set(sum(entry.status == "firing" for entry in state.entries.values()))
