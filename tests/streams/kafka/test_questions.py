"""What the brokers say of the inputs' logs, and what is made of brokers that do not."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    StaleMetadata,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import TopicPartition
from confluent_kafka import Producer
from faust.types import TP

from driftbell.streams.kafka.logs.epoch_ends import epoch_ends
from driftbell.streams.kafka.logs.questions import Questions
from driftbell.streams.kafka.logs.topic_ids import topic_ids
from driftbell.streams.partition.input_logs.comparison import EpochEnd
from tests.services import KafkaCluster


@pytest.mark.kafka
async def test_a_broker_says_where_epochs_end_and_which_topic_it_is(kafka: KafkaCluster) -> None:
    topic = f"asked-{uuid.uuid4().hex[:8]}"
    partition = TopicPartition(topic, 0)
    kafka.create_topics([topic], 2)
    producer = Producer(kafka.settings | {"acks": "all"})
    for number in range(7):
        producer.produce(topic, b"%d" % number, partition=0)
    producer.flush()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.end_offsets([partition])
        client = consumer._client
        both = {partition: 0, TopicPartition(topic, 1): 0}
        assert await epoch_ends(client, both) == {partition: EpochEnd(0, 7), TopicPartition(topic, 1): EpochEnd(0, 0)}
        assert await epoch_ends(client, {partition: 5}) == {partition: EpochEnd(-1, -1)}

        first = await topic_ids(client, [topic, "there-is-no-such-topic"])
        assert list(first) == [topic]
        assert await topic_ids(client, [topic]) == first
        kafka.delete_topics([topic])
        kafka.create_topics([topic], 2)
        again = await topic_ids(client, [topic])
        assert list(again) == [topic]
        assert again != first
        with pytest.raises(StaleMetadata):
            await epoch_ends(client, {TopicPartition(topic, 9): 0})
    finally:
        await consumer.stop()


class _Thread:
    """A consumer thread whose broker answers with an error."""

    def __init__(self, error: Exception) -> None:
        async def send(*_: Any) -> None:
            raise error

        cluster = SimpleNamespace(leader_for_partition=lambda _: 1)
        self._client = SimpleNamespace(cluster=cluster, send=send, get_random_node=lambda: 1)

    def _ensure_consumer(self) -> Any:
        return SimpleNamespace(_client=self._client)

    async def call_thread(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await call(*args)


@pytest.mark.parametrize(
    "error", [IncompatibleBrokerVersion("old"), NotImplementedError("v1"), TopicAuthorizationFailedError("inputs")]
)
async def test_brokers_that_do_not_say_it_are_named_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    questions = Questions(lambda: _Thread(error))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await questions.epoch_ends({TP("predictions", 0): 3}) == {}
            assert await questions.topic_ids(["predictions"]) == {}

    assert len(caplog.records) == 2
    assert "judged by their offsets alone" in caplog.text


async def test_brokers_that_are_away_are_asked_again() -> None:
    questions = Questions(lambda: _Thread(KafkaConnectionError("away")))
    with pytest.raises(OSError, match="away"):
        await questions.epoch_ends({TP("predictions", 0): 3})
    with pytest.raises(OSError, match="away"):
        await questions.topic_ids(["predictions"])
