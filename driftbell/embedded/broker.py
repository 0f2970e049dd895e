"""A Kafka in this process: librdkafka's own mock cluster, which confluent-kafka exposes.

It speaks the real protocol over a real port, so the worker, the router and any client connect to it as to Kafka.
What it cannot do (librdkafka ``src/rdkafka_mock.c``): it keeps about 5 MB per partition and drops what is older, every
topic has four partitions and comes into being when it is first asked for, nothing survives the process, and a consumer
group of more than one worker is not dependable on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

from driftbell.errors import CommandError

#: The mock cluster gives every topic this many partitions; there is no property to change it.
PARTITIONS = 4

#: Seconds until the first metadata answer; it comes from a thread of this process, in about 50 ms.
START_TIMEOUT = 10.0

#: librdkafka's own log lines about the mock cluster ("original bootstrap.servers ignored") mean nothing to the user.
_QUIET = logging.getLogger("driftbell.embedded.broker")


class EmbeddedBroker:
    """A running mock cluster; a context manager. ``bootstrap_servers`` is what clients connect to."""

    def __init__(self) -> None:
        self._cluster: Producer | None = None
        self.bootstrap_servers = ""

    def start(self, topics: Iterable[str] = ()) -> EmbeddedBroker:
        """Start the cluster and create ``topics``.

        Raises:
            CommandError: the cluster does not answer.
        """
        # The producer is only the handle that owns the cluster; it sends nothing. Log level 2 is "critical".
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 2}, logger=_QUIET)
        try:
            brokers = self._cluster.list_topics(timeout=START_TIMEOUT).brokers.values()
            self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
            for topic in topics:
                self._cluster.list_topics(topic, timeout=START_TIMEOUT)
        except KafkaException as error:
            self.close()
            raise CommandError(
                f"the embedded Kafka did not start: {error}",
                "check that connections to 127.0.0.1 are allowed, or use a Kafka of your own (docs/cli.md)",
            ) from error
        return self

    def poll(self) -> None:
        """Serve the handle's own events; to be called now and then while the cluster lives."""
        if self._cluster is not None:
            self._cluster.poll(0)

    def close(self) -> None:
        """Stop the cluster; every record is gone. Calling it twice is harmless."""
        # librdkafka destroys the cluster with the handle; there is no explicit call.
        self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
