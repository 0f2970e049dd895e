"""A real Prometheus scrapes a worker's and a router's endpoints: it understands them, and every rule and panel has a value."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from pathlib import Path

import pytest

from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.runtime.observability.ops import Health, OpsServer, new_registry
from driftbell.streams.observability.metrics import EngineCollector
from driftbell.streams.records import Input, OutboxRecord, Output, Record
from tests.alerting.rig import Rig
from tests.deploy.dashboards import expression, queries
from tests.deploy.rules import RULE_FILES, alerts, recorded
from tests.services.prometheus import PrometheusServer
from tests.services.waiting import eventually
from tests.streams.engine.fakes import label, prediction
from tests.streams.observability.watched import START_MS, Watched

WORKER, ROUTER = "driftbell-worker", "driftbell-router"


async def _work(watched: Watched) -> None:
    """Good and bad records, labels with and without predictions, and an alert."""
    watched.deliver(*[prediction(i, START_MS + i) for i in range(40)], Record(40, START_MS + 50, b"{"))
    watched.deliver(*[label(i, START_MS + 500 + i, of=i) for i in range(10)], stream=Input.FEEDBACK)
    await watched.committed(41)
    await watched.committed(10, Input.FEEDBACK)
    partition = watched.engine.partitions[0]
    watched.clock.now_ms = partition.stream_ms + 1_500
    partition._outbox.append(OutboxRecord(Output.ALERTS, b"fingerprint", b"{}"))
    partition._changed = True
    await eventually(lambda: watched.value("alert_delay_seconds_count") == 1, "the alert")


async def _page(rig: Rig) -> None:
    """One page that fails once and is then taken."""
    rig.vendor.script = [failed(OutcomeReason.SERVER_ERROR, "HTTP 500")]
    await rig.fire()
    await rig.until(10)
    rig.router.measure()


@pytest.mark.slow
async def test_prometheus_understands_the_endpoints_and_evaluates_every_rule_and_panel(tmp_path: Path) -> None:
    watched = Watched()
    await watched.engine.assigned([0], 1)
    watched.broker.ends = {(stream, 0): 0 for stream in Input}
    worker = new_registry()
    worker.register(EngineCollector(watched.engine, lag=watched.lag, coordinator_errors=lambda: 0))
    rig = await Rig({"group_wait": 1, "group_interval": 5}).start()
    rig.router.metrics.leader.set(1)
    rig.router.metrics.lag.labels("0").set(0)
    rig.router.measure()
    router = rig.router.metrics.registry
    up = Health(True, "ok")

    async with (
        OpsServer("127.0.0.1", 0, registry=worker, health=lambda: up, ready=lambda: up) as one,
        OpsServer("127.0.0.1", 0, registry=router, health=lambda: up, ready=lambda: up) as two,
    ):
        targets = {WORKER: [f"127.0.0.1:{one.port}"], ROUTER: [f"127.0.0.1:{two.port}"]}
        prometheus = PrometheusServer(tmp_path, targets, RULE_FILES)
        await asyncio.to_thread(prometheus.start)
        try:
            await _look(prometheus, watched, rig)
        finally:
            await asyncio.to_thread(prometheus.stop)
            await watched.engine.stop()


async def _look(prometheus: PrometheusServer, watched: Watched, rig: Rig) -> None:
    async def value(series: str) -> float | None:
        """The first value of a series that is a number; None while there is none."""
        found = await asyncio.to_thread(prometheus.query, series)
        return next((one for one in found.values() if not math.isnan(one)), None)

    async def has(series: str) -> bool:
        return await value(series) is not None

    # Rates need what was before the work, too.
    await eventually(lambda: has(f'driftbell_rebalances_total{{job="{WORKER}"}}'), "the worker's first scrape")
    await eventually(lambda: has(f'driftbell_router_leader{{job="{ROUTER}"}}'), "the router's first scrape")
    await _work(watched)
    await _page(rig)
    for series in recorded():
        await eventually(partial(has, series), f"{series} has a value", timeout=20)

    assert await value("job:driftbell_partitions:count") == 1
    assert await value("job:driftbell_router_leader:sum") == 1
    assert await value("job:driftbell_dead_letters:ratio_rate5m") == pytest.approx(1 / 51, rel=0.01)
    assert await value("job_integration:driftbell_router_notifications_failed:ratio_rate10m") == pytest.approx(0.5)
    assert 1 <= (await value("job:driftbell_alert_delay_seconds:p95_1h") or 0) <= 2
    assert await value(f'driftbell_models{{job="{WORKER}"}}') == 1
    assert await value(f'process_resident_memory_bytes{{job="{WORKER}"}}')

    active = (await asyncio.to_thread(prometheus.ask, "targets"))["activeTargets"]
    assert {(target["health"], target["lastError"]) for target in active} == {("up", "")}
    groups = (await asyncio.to_thread(prometheus.ask, "rules"))["groups"]
    found = {rule["name"]: (rule["health"], rule.get("lastError", "")) for group in groups for rule in group["rules"]}
    assert found == dict.fromkeys(recorded().keys() | alerts().keys(), ("ok", ""))
    # Nothing is on fire, but for the page that failed once and the dead letter, were they to last.
    firing = (await asyncio.to_thread(prometheus.ask, "alerts"))["alerts"]
    assert {one["labels"]["alertname"] for one in firing if one["state"] == "firing"} == set()

    for title, target in queries():
        assert await asyncio.to_thread(prometheus.query, expression(target)) is not None, title
    tiles = {title: await value(expression(target)) for title, target in queries() if target["legendFormat"] == ""}
    assert {title for title, shown in tiles.items() if shown is None} == set()
    assert (tiles["Is driftbell well?"], tiles["Processes not ready"], tiles["Models watched"]) == (0, 0, 1)
