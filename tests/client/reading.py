"""Reads a topic back, as any consumer would."""

from __future__ import annotations

import time
import uuid

from confluent_kafka import Consumer, Message, TopicPartition


def read(bootstrap: str, topic: str, count: int, timeout: float = 20.0) -> list[Message]:
    """The first ``count`` records of ``topic``, partition by partition; fewer if they do not come in ``timeout`` seconds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=timeout).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        while len(found) < count and time.monotonic() < deadline:
            found += [message for message in consumer.consume(count, timeout=0.5) if message.error() is None]
        return sorted(found, key=lambda message: (message.partition(), message.offset()))
    finally:
        consumer.close()
