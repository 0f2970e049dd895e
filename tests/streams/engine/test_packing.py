"""A worker packs the models of a partition to which nothing comes any more, and goes on with them when something does."""

from __future__ import annotations

import asyncio

from tests.streams.engine.fakes import prediction
from tests.streams.engine.test_engine import House, config, predictions


async def test_models_of_an_idle_partition_are_packed_and_go_on_with_the_next_event() -> None:
    house = House(config(checkpoint_interval=1.0))
    await house.engine.assigned([0], 1)
    made = predictions(60)
    house.deliver(*made)
    await house.settle(60)
    models = house.engine.partitions[0]._models
    assert models.at_work
    await asyncio.sleep(600)
    assert not models.at_work
    assert "fraud" in models.packed

    house.deliver(prediction(60, house.clock.now_ms))
    await house.settle(61)
    assert set(models.at_work) == {"fraud"}
    await house.engine.stop()
