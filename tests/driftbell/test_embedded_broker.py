"""The in-process Kafka serves ordinary clients over the real protocol."""

from __future__ import annotations

import socket

import pytest
from confluent_kafka import Consumer, Producer

from driftbell.embedded import EmbeddedBroker
from driftbell.embedded.broker import PARTITIONS


@pytest.mark.slow
def test_what_is_produced_is_consumed() -> None:
    with EmbeddedBroker().start(["predictions"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": "murmur2_random"})
        for number in range(10):
            producer.produce("predictions", value=str(number), key="fraud")
        assert producer.flush(5) == 0

        consumer = Consumer(
            {"bootstrap.servers": broker.bootstrap_servers, "group.id": "test", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe(["predictions"])
        received: list[bytes | None] = []
        for _ in range(100):
            received += [message.value() for message in consumer.consume(10, timeout=0.5)]
            if len(received) >= 10:
                break
        consumer.close()

    assert received == [str(number).encode() for number in range(10)]


def test_named_topics_exist_with_the_partitions_the_mock_cluster_gives() -> None:
    with EmbeddedBroker().start(["predictions", "feedback"]) as broker:
        client = Producer({"bootstrap.servers": broker.bootstrap_servers})
        topics = client.list_topics(timeout=5).topics

    assert {name: len(topic.partitions) for name, topic in topics.items()} == {
        "predictions": PARTITIONS,
        "feedback": PARTITIONS,
    }


def test_closing_twice_is_harmless() -> None:
    broker = EmbeddedBroker().start()
    broker.close()
    broker.close()
    broker.poll()


def test_a_closed_broker_answers_no_more() -> None:
    broker = EmbeddedBroker().start()
    address = broker.bootstrap_servers
    broker.close()

    host, port = address.split(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=1)
