"""The asyncio client does what the other does, and never holds up the loop."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from driftbell.schemas import decode_feedback, decode_prediction
from driftbell_client import AsyncClient, Client, DropReason, Stats
from tests.client.reading import read
from tests.services.embedded import EmbeddedBroker
from tests.services.ports import claim_port


async def test_events_and_labels_arrive(embedded_broker: EmbeddedBroker) -> None:
    async with AsyncClient(embedded_broker.bootstrap) as client:
        prediction_id = await client.predict("fraud", 3, 0.9, features={"amount": 1.5})
        await client.label("fraud", prediction_id, 1)
        assert await client.flush() == 0

        assert client.stats() == Stats(published=2, delivered=2)

    [prediction] = await asyncio.to_thread(read, embedded_broker.bootstrap, "predictions", 1)
    [label] = await asyncio.to_thread(read, embedded_broker.bootstrap, "feedback", 1)
    assert decode_prediction(prediction.value() or b"").features == {"amount": 1.5}
    assert decode_feedback(label.value() or b"").prediction_id == prediction_id


@pytest.mark.slow
async def test_the_loop_goes_on_while_flush_waits_for_a_broker_that_is_down() -> None:
    client = AsyncClient(f"127.0.0.1:{claim_port()}")
    await client.predict("m", "1", 1)
    ticks = 0
    flushing = asyncio.create_task(client.flush(1.0))
    while not flushing.done():
        await asyncio.sleep(0.01)
        ticks += 1

    assert await flushing == 1
    assert ticks > 5
    assert await client.close(0.1) == 1
    assert client.stats().dropped == {DropReason.NOT_FLUSHED: 1}


def test_both_clients_have_the_same_verbs_and_arguments() -> None:
    for verb in ("__init__", "predict", "label", "flush", "close", "stats"):
        ours = inspect.signature(getattr(AsyncClient, verb))
        assert ours.parameters == inspect.signature(getattr(Client, verb)).parameters
