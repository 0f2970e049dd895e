"""The reason of /readyz is the true one: brokers away, an output that Kafka refuses, or a store that is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from driftbell.runtime.observability.ops import Health
from driftbell.streams.observability.ops import readiness
from driftbell.streams.records import Record
from tests.streams.engine.fakes import prediction
from tests.streams.engine.test_engine import House, config, predictions


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(config(checkpoint_interval=1.0))
    await made.engine.assigned([0], 1)
    yield made
    await made.engine.stop()


def ready(house: House) -> Health:
    app: Any = SimpleNamespace(engine=house.engine)
    return readiness(app)


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True])
async def test_a_worker_without_brokers_is_not_ready_and_recovers(house: House, busy: bool) -> None:
    if busy:
        house.deliver(*predictions(60))
        await house.settle(60)
    await asyncio.sleep(600)
    assert ready(house) == Health(True, "ok")

    house.broker.answers = False
    await asyncio.sleep(15)
    assert ready(house).ok, "an election of a leader takes as long"
    await asyncio.sleep(15)
    health = ready(house)
    assert (health.ok, health.reason) == (False, "kafka_unavailable")
    assert "no broker has answered for" in health.detail

    house.broker.answers = True
    await asyncio.sleep(7)
    assert ready(house).ok


async def test_no_broker_is_asked_after_by_a_worker_in_reserve(house: House) -> None:
    await house.engine.revoked()
    house.broker.answers = False
    await asyncio.sleep(100)

    assert ready(house) == Health(
        True, "standing_by", "there are more workers than partitions: this one waits in reserve"
    )


@pytest.mark.parametrize(("output", "named"), [("publish", "alerts and metrics"), ("dead_letter", "dead letters")])
async def test_an_output_that_kafka_refuses_is_not_called_a_slow_store(
    house: House, monkeypatch: pytest.MonkeyPatch, output: str, named: str
) -> None:
    released = asyncio.Event()
    taken = getattr(house.broker, output)

    async def waits(*given: Any) -> None:
        await released.wait()
        await taken(*given)

    monkeypatch.setattr(house.broker, output, waits)
    now_ms = house.clock.now_ms
    # One bad record is a dead letter, and a minute of good ones closes windows of metrics.
    house.deliver(Record(0, now_ms, b"{", b"fraud"), *(prediction(i, now_ms + 1000 * i) for i in range(1, 100)))
    house.clock.now_ms += 200_000
    await asyncio.sleep(10)

    health = ready(house)
    assert (health.ok, health.reason) == (False, "outputs_refused")
    assert f"Kafka does not take the {named} of partitions [0]" in health.detail
    released.set()
    await asyncio.sleep(10)
    assert ready(house).ok


async def test_a_store_that_is_slow_is_called_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    never = asyncio.Event()

    async def save(*given: Any) -> None:
        await never.wait()

    monkeypatch.setattr(house.store, "save", save)
    house.deliver(*predictions(60))
    house.clock.now_ms += 20_000
    await asyncio.sleep(10)

    assert ready(house).reason == "store_slow"
