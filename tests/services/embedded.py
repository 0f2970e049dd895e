"""librdkafka's mock cluster inside this process: a broker in 10 ms, for tests that need a wire but not Apache Kafka.

It knows no CreateTopics (a topic is made on first use, with 4 partitions), refuses commits during a rebalance and keeps
everything in memory. What is shown on it is confirmed once on Apache Kafka.
"""

from __future__ import annotations

from typing import Self

from confluent_kafka import Producer


class EmbeddedBroker:
    """A mock cluster of ``brokers`` nodes; it lives as long as this object."""

    def __init__(self, brokers: int = 1) -> None:
        self._brokers = brokers
        self._producer: Producer | None = None
        self.bootstrap = ""

    def __enter__(self) -> Self:
        self._producer = Producer({"bootstrap.servers": "unused:9092", "test.mock.num.brokers": self._brokers})
        metadata = self._producer.list_topics(timeout=10)
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
        return self

    def __exit__(self, *exc: object) -> None:
        # The mock cluster is destroyed with the client that made it.
        self._producer = None

    @property
    def settings(self) -> dict[str, str]:
        """What a client's configuration needs."""
        return {"bootstrap.servers": self.bootstrap}
