"""How large a record each output topic takes (``max.message.bytes``), asked of the brokers and corrected by their refusals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from driftbell.runtime.kafka.said import said
from driftbell.streams.engine.timing.clock import Clock

log = logging.getLogger(__name__)

#: Kafka's default, taken where the brokers do not say.
DEFAULT_BYTES = 1_048_588

#: So much of it is not used: a broker that writes another format or compresses again may need a few bytes more.
SPARE_BYTES = 512

#: The settings are read again after so long: a topic may be altered or created again while we run.
READ_AGAIN_SECONDS = 300.0

#: How long the brokers may take to answer.
ANSWER_SECONDS = 10.0

#: A topic that takes no record of this size is of no use.
LEAST_BYTES = 4096

#: Asks the brokers for ``max.message.bytes`` by topic; may block, and leaves out what it could not learn.
Ask = Callable[[Collection[str]], Mapping[str, int]]


class MessageSizes:
    """The limits of some topics.

    Args:
        most: what our own producer takes.
    """

    def __init__(self, topics: Collection[str], ask: Ask, clock: Clock, *, most: int) -> None:
        self._topics = topics
        self._ask = ask
        self._clock = clock
        self._most = most
        self._known: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._read_at: float | None = None

    async def refresh(self) -> None:
        """Ask the brokers, if they have not been asked lately. Their silence changes nothing."""
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < READ_AGAIN_SECONDS:
            return
        self._read_at = now
        self._known.update(await asyncio.to_thread(self._ask, self._topics))

    def of(self, topic: str) -> int:
        """The largest batch that the topic takes."""
        known = self._known.get(topic, DEFAULT_BYTES)
        return min(known - SPARE_BYTES, self._refused.get(topic, known), self._most)

    def refused(self, topic: str, size: int) -> bool:
        """A broker has refused a batch of this size: half of it is tried. False when that would be of no use."""
        self._refused[topic] = min(size, self.of(topic)) // 2
        log.warning("%s does not take a record of %d bytes: trying with %d", topic, size, self._refused[topic])
        return self._refused[topic] >= LEAST_BYTES


def ask_brokers(settings: Mapping[str, str | int | float | bool]) -> Ask:
    """Ask with the settings of a librdkafka client."""

    def ask(topics: Collection[str]) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        try:
            # Log level 2 is "critical": librdkafka would otherwise write a line for each attempt to connect.
            admin = AdminClient({**settings, "log_level": 2})
            resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
            for resource, answer in admin.describe_configs(resources, request_timeout=ANSWER_SECONDS).items():
                sizes[resource.name] = int(answer.result(ANSWER_SECONDS)["max.message.bytes"].value)
        except (KafkaException, TimeoutError, KeyError, ValueError) as error:
            log.info("what the output topics take is not known (%s): Kafka's default of %d", said(error), DEFAULT_BYTES)
        return sizes

    return ask
