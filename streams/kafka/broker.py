"""Kafka for the engine: publishes through Faust's producer, asks through its consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.types import TP

from driftbell.schemas.dead_letter import HEADER_PREFIX, dead_letter_headers
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.timing.clock import SystemClock
from driftbell.streams.engine.timing.retry import LONG_PAUSES_SECONDS, Patience, retry
from driftbell.streams.errors import DriftbellError
from driftbell.streams.kafka.transport import ChunkConsumer, DriftbellApp
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord, Output

log = logging.getLogger(__name__)

_Message = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]


class _NotTakenError(DriftbellError):
    """Kafka did not take our records now; it may later."""


class KafkaBroker:
    """The engine's ``Broker`` on a running Faust app."""

    def __init__(self, app: DriftbellApp) -> None:
        self._app = app
        topics = app.driftbell.topics
        self._outputs = {
            Output.ALERTS: topics.alerts,
            Output.ALERTS_ACTIVE: topics.alerts_active,
            Output.METRICS: topics.metrics,
        }
        self._topics = topics
        #: For ever, as processing stops meanwhile.
        self._patience = Patience(SystemClock(), pauses=LONG_PAUSES_SECONDS)

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast(ChunkConsumer, self._app.consumer)

    # ---- publishing

    async def publish(self, partition: int, records: Sequence[OutboxRecord]) -> None:
        """See ``Publisher.publish``."""
        await self._send_all([(self._outputs[r.output], r.key, r.value, list(r.headers)) for r in records])

    async def dead_letter(self, partition: int, letters: Sequence[DeadLetterRecord]) -> None:
        """See ``Publisher.dead_letter``. A value too large for the dead-letter topic is named instead of copied."""
        messages: list[_Message] = []
        for letter in letters:
            topic = letter.input.topic(self._topics)
            headers = [
                *letter.headers,
                *dead_letter_headers(topic, partition, letter.offset, letter.reason, letter.detail),
            ]
            messages.append((letter.input.dead_letter_topic(self._topics), letter.key, letter.value, headers))
        try:
            await self._send_all(messages)
        except MessageSizeTooLargeError:
            for topic_name, key, value, headers in messages:
                await self._send_or_name(topic_name, key, value, headers)

    def commit_offsets(self, partition: int, offsets: Mapping[Input, int]) -> None:
        """See ``Publisher.commit_offsets``."""
        self._consumer.commits.note({self._app.tp((stream, partition)): offset for stream, offset in offsets.items()})

    async def _send_or_name(self, topic: str, key: bytes | None, value: bytes | None, headers: Any) -> None:
        try:
            await self._send_all([(topic, key, value, headers)])
        except MessageSizeTooLargeError:
            size = len(value or b"")
            log.warning("a dead letter of %d bytes does not fit %s; its headers say where it stands", size, topic)
            note = [*headers, (HEADER_PREFIX + "value.omitted.bytes", str(size).encode())]
            await self._send_all([(topic, key, b"", note)])

    async def _send_all(self, messages: Sequence[_Message]) -> None:
        """Send in order and wait for the brokers' acknowledgement, as long as it takes.

        Raises:
            KafkaError: trying again would not help.
        """

        async def attempt() -> None:
            try:
                await asyncio.gather(*[await self._send(*message) for message in messages])
            except KafkaError as error:
                if error.retriable:
                    raise _NotTakenError(repr(error)) from error
                raise

        def report(error: Exception) -> None:
            log.warning("Kafka does not take our records (%s), trying again", error)

        await retry(attempt, self._patience, on=(_NotTakenError,), report=report)

    async def _send(self, topic: str, key: bytes | None, value: bytes | None, headers: Any) -> Any:
        producer = cast(Any, self._app.producer)
        return await producer.send(topic, key, value, None, None, headers)

    # ---- asking

    async def end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.end_offsets``."""
        return self._by_source(await self._consumer.end_offsets(self._tps(sources)))

    async def log_end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.log_end_offsets``."""
        return self._by_source(await self._consumer.log_end_offsets(self._tps(sources)))

    async def earliest_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.earliest_offsets``."""
        return self._by_source(await self._consumer.begin_offsets(self._tps(sources)))

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.committed``."""
        return self._by_source(await self._consumer.committed_offsets(self._tps(sources)))

    async def position(self, source: Source) -> int:
        """See ``Broker.position``."""
        return await self._consumer.settled_position(self._app.tp(source))

    def in_flight(self, source: Source) -> bool:
        """See ``Broker.in_flight``."""
        return self._consumer.in_flight(self._app.tp(source))

    async def rewind(self, offsets: Mapping[Source, int]) -> None:
        """See ``Broker.rewind``."""
        await self._consumer.rewind({self._app.tp(source): offset for source, offset in offsets.items()})

    def _tps(self, sources: Iterable[Source]) -> list[TP]:
        return [self._app.tp(source) for source in sources]

    def _by_source(self, offsets: Mapping[Any, int]) -> dict[Source, int]:
        return {self._app.source(TP(tp.topic, tp.partition)): offset for tp, offset in offsets.items()}
