"""The ops endpoints, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from driftbell.runtime.observability.ops import Health, OpsServer, Probe, new_registry

OK: Probe = lambda: Health(True, "ok")  # noqa: E731


@asynccontextmanager
async def _server(health: Probe = OK, ready: Probe = OK) -> AsyncIterator[tuple[OpsServer, aiohttp.ClientSession]]:
    registry = new_registry()
    Counter("driftbell_things", "Things.", ["kind"], registry=registry).labels("a").inc(3)

    async def extra(request: web.Request) -> web.Response:
        return web.Response(text="extra")

    routes = [web.get("/extra", extra)]
    async with (
        OpsServer("127.0.0.1", 0, registry=registry, health=health, ready=ready, routes=routes) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client,
    ):
        yield server, client


async def test_probes_answer_with_a_named_reason() -> None:
    async with _server(ready=lambda: Health(False, "no_partitions", "none held yet")) as (_, client):
        async with client.get("/healthz") as healthy:
            assert healthy.status == 200
            assert await healthy.json() == {"status": "ok", "reason": "ok", "detail": ""}
        async with client.get("/readyz") as ready:
            assert ready.status == 503
            assert await ready.json() == {"status": "failing", "reason": "no_partitions", "detail": "none held yet"}


async def test_a_probe_that_raises_is_failing() -> None:
    def broken() -> Health:
        raise RuntimeError("oops")

    async with _server(health=broken) as (_, client), client.get("/healthz") as answer:
        assert answer.status == 503
        assert (await answer.json())["reason"] == "probe_failed"


async def test_metrics_speak_both_formats() -> None:
    async with _server() as (_, client):
        async with client.get("/metrics") as answer:
            plain = {family.name: family for family in parse_text(await answer.text())}
            assert answer.headers["Content-Type"].startswith("text/plain")
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with client.get("/metrics", headers=accept) as answer:
            families = {family.name: family for family in parse_openmetrics(await answer.text())}
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")

    for found in (plain, families):
        (sample,) = [sample for sample in found["driftbell_things"].samples if sample.name.endswith("_total")]
        assert (sample.labels, sample.value) == ({"kind": "a"}, 3.0)
    assert {"driftbell_build", "process_resident_memory_bytes", "python_gc_collections"} <= families.keys()


async def test_readiness_is_a_metric_with_its_reason() -> None:
    answers = [Health(False, "no_partitions"), Health(True, "ok")]
    async with _server(ready=lambda: answers[0]) as (_, client):
        for expected in ({"no_partitions": 0.0}, {"ok": 1.0}):
            async with client.get("/metrics") as answer:
                families = {family.name: family for family in parse_text(await answer.text())}
            assert {sample.labels["reason"]: sample.value for sample in families["driftbell_ready"].samples} == expected
            del answers[:1]


async def test_a_counter_is_one_series() -> None:
    async with _server() as (_, client), client.get("/metrics") as answer:
        assert "_created" not in await answer.text()


async def test_further_routes_are_served_and_unknown_ones_are_not() -> None:
    async with _server() as (_, client):
        async with client.get("/extra") as answer:
            assert await answer.text() == "extra"
        async with client.get("/") as answer:
            assert "/metrics" in (await answer.json())["endpoints"]
        async with client.get("/nothing") as answer:
            assert answer.status == 404


async def test_a_taken_port_is_named() -> None:
    async with _server() as (server, _):
        other = OpsServer("127.0.0.1", server.port, registry=new_registry(), health=OK, ready=OK)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}: Address already in use$"):
            await other.start()


async def test_stopping_does_not_wait_for_an_idle_connection() -> None:
    async with _server() as (server, client), client.get("/healthz"):
        async with asyncio.timeout(3):
            await server.stop()
        await server.stop()


async def test_a_person_who_opens_the_address_reads_how_it_is_and_where_to_look() -> None:
    bad = lambda: Health(False, "store_slow", "Redis <does> not answer")  # noqa: E731
    async with _server(ready=bad) as (_, client):
        async with client.get("/", headers={"Accept": "text/html,*/*"}) as page:
            text = await page.text()
            assert page.headers["Content-Type"].startswith("text/html")
        async with client.get("/") as listed:
            assert "/metrics" in (await listed.json())["endpoints"]

    assert "<b>NO</b><td>store_slow: Redis &lt;does&gt; not answer" in text
    assert "driftbell alerts" in text
