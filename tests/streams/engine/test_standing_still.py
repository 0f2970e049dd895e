"""A partition that stands still while records wait says so; a record stamped ahead of the clock never makes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from driftbell.runtime.observability.ops import Health
from driftbell.streams.observability.ops import readiness
from driftbell.streams.records import Input, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import label, prediction
from tests.streams.engine.test_engine import House, config
from tests.streams.observability.watched import Watched

YEAR_2099_MS = 4_070_908_800_000
AHEAD_MS = 55 * 60 * 1000


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(config())
    await made.engine.assigned([0], 1)
    yield made
    await made.engine.stop()
    assert made.failures == []


def ready(house: House) -> Health:
    app: Any = SimpleNamespace(engine=house.engine)
    return readiness(app)


def stamped(record: Record, timestamp: int) -> Record:
    return record._replace(timestamp=timestamp)


@pytest.mark.parametrize("stamp", [AHEAD_MS, YEAR_2099_MS])
@pytest.mark.parametrize("first", [True, False])
async def test_a_record_stamped_ahead_of_the_clock_holds_nothing_up_and_is_counted(
    house: House, stamp: int, first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    now_ms = house.clock.now_ms
    records = [prediction(i, now_ms + i) for i in range(20)]
    at = 0 if first else 10
    records[at] = stamped(records[at], now_ms + stamp if stamp == AHEAD_MS else stamp)
    with caplog.at_level(logging.WARNING):
        house.deliver(*records)
        house.deliver(label(0, now_ms + 5, of=3), stream=Input.FEEDBACK)
        await house.settle(20)

    partition = house.engine.partitions[0]
    assert partition.counts["predictions"] == 20
    assert partition.join_counts["joined"] == 1
    assert partition.stream_ms <= house.clock.now_ms, "stream time never runs ahead of the clock"
    assert partition.timestamps_ahead[Input.PREDICTIONS] == 1
    assert "max_clock_lead" in caplog.text
    assert ready(house) == Health(True, "ok")


async def test_records_that_wait_for_longer_than_a_minute_are_never_ready_and_are_logged(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The brokers answer, and a record of the other input is always on its way.
    house.broker.ends[Input.FEEDBACK, 0] = 1
    monkeypatch.setattr(house.broker, "in_flight", lambda source: source[0] is Input.FEEDBACK)
    house.deliver(prediction(0, house.clock.now_ms))
    await asyncio.sleep(50)
    assert ready(house).ok
    with caplog.at_level(logging.WARNING):
        await asyncio.sleep(15)

    health = ready(house)
    assert (health.ok, health.reason) == (False, "input_stalled")
    assert "1 records of predictions wait" in health.detail
    assert "feedback is known to be complete up to" in health.detail
    assert caplog.text.count("has stood still") == 1
    monkeypatch.undo()
    await house.settle(1)
    assert ready(house).ok
    assert "goes on after" in caplog.text


async def test_an_input_without_records_never_stands_still(house: House) -> None:
    await asyncio.sleep(200)

    assert ready(house).ok


async def test_standing_still_is_a_metric() -> None:
    watched = Watched()
    await watched.engine.assigned([0], 1)
    assert watched.value("stalled_seconds", partition="0") == 0
    watched.broker.answers = False
    watched.deliver(prediction(0, watched.clock.now_ms))
    await asyncio.sleep(30)

    assert watched.value("stalled_seconds", partition="0") == pytest.approx(30, abs=1)
    watched.broker.answers = True
    watched.clock.now_ms += 1000
    await eventually(lambda: watched.value("stalled_seconds", partition="0") == 0, "it goes on")
    watched.deliver(stamped(prediction(1, watched.clock.now_ms), YEAR_2099_MS))
    assert watched.value("timestamps_ahead_total", input="predictions") == 1
    await watched.engine.stop()
