"""A worker that waits for its group is alive, answers on its ops port and says what it waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from driftbell.runtime.config.model import Config, Redis, Worker
from driftbell.streams.app import create_app
from driftbell.streams.engine.engine import Engine
from driftbell.streams.kafka import joining
from driftbell.streams.kafka.joining import report_joining
from driftbell.streams.kafka.transport import DriftbellApp
from tests.services.ports import claim_port


@pytest.fixture
async def app() -> AsyncIterator[DriftbellApp]:
    """An app in the moment before it joins its group."""
    made = create_app(Config(redis=Redis(url="memory://"), worker=Worker(http_port=claim_port(), session_timeout=27)))
    await made.on_first_start()
    yield made
    beside = list(made._futures)
    for future in beside:
        future.cancel()
    await asyncio.gather(*beside, return_exceptions=True)


async def test_the_ops_port_answers_before_the_group_is_joined(app: DriftbellApp) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{app.driftbell.worker.http_port}") as http:
        await asyncio.sleep(0.5)
        async with http.get("/healthz") as healthy:
            assert healthy.status == 200, "a worker that waits must not be restarted"
        async with http.get("/readyz") as ready:
            assert ready.status == 503
            said = await ready.json()
        async with http.get("/metrics") as metrics:
            assert 'driftbell_ready{reason="joining"} 0.0' in await metrics.text()

    assert said["reason"] == "joining"
    assert "27 s (worker.session_timeout)" in said["detail"]


async def test_the_log_says_that_the_session_of_a_dead_worker_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(joining, "EXPLAIN_SECONDS", 0.05)
    monkeypatch.setattr(joining, "_LOOK_SECONDS", 0.01)
    engine: Any = SimpleNamespace(joined=False, config=Config(worker=Worker(group="g", session_timeout=27)))
    with caplog.at_level(logging.INFO):
        reporting = asyncio.create_task(report_joining(cast(Engine, engine)))
        await asyncio.sleep(0.3)
        engine.joined = True
        async with asyncio.timeout(1):
            await reporting

    first, second = caplog.records
    assert first.getMessage() == "joining the consumer group"
    assert "Kafka gives its partitions away once its session is over" in second.getMessage()
    assert (vars(second)["group"], vars(second)["session_timeout_seconds"]) == ("g", 27)


async def test_a_group_that_decides_at_once_is_not_explained(caplog: pytest.LogCaptureFixture) -> None:
    engine: Any = SimpleNamespace(joined=True, config=Config())
    with caplog.at_level(logging.INFO):
        await report_joining(cast(Engine, engine))

    assert [record.getMessage() for record in caplog.records] == ["joining the consumer group"]
