"""Kafka for the engine: publishes through Faust's producer, asks through its consumer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from aiokafka.errors import (
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    RecordListTooLargeError,
)
from faust.exceptions import ProducerSendError
from faust.types import TP

from driftbell.runtime.kafka import client_settings
from driftbell.schemas.dead_letter import dead_letter_headers
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.timing.clock import SystemClock
from driftbell.streams.engine.timing.retry import LONG_PAUSES_SECONDS, Patience, retry
from driftbell.streams.errors import DriftbellError
from driftbell.streams.kafka.fitting import CUT, LEFT_OUT, Message, Shape, fit
from driftbell.streams.kafka.message_sizes import DEFAULT_BYTES, MessageSizes, ask_brokers
from driftbell.streams.kafka.transport import ChunkConsumer, DriftbellApp, IdempotentProducer
from driftbell.streams.partition.input_logs.comparison import EpochEnd
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord, Output

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The size of a record, or of what is sent with it, is what a broker objects to.
_TOO_LARGE = MessageSizeTooLargeError, RecordListTooLargeError


class _NotTakenError(DriftbellError):
    """Kafka did not take our records now; it may later."""


_SHAPES = {Output.ALERTS: Shape.ALERT, Output.ALERTS_ACTIVE: Shape.ALERT, Output.METRICS: Shape.METRIC}


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
        #: Outputs that did not fit their topics whole, by shape and what became of them.
        self.resized: Counter[tuple[str, str]] = Counter()
        dead_letters = [source.dead_letter_topic(topics) for source in Input]
        self._sizes = MessageSizes(
            [*self._outputs.values(), *dead_letters],
            ask_brokers(client_settings(app.driftbell.kafka)),
            SystemClock(),
            most=app.conf.producer_max_request_size or DEFAULT_BYTES,
        )
        #: For ever, as processing stops meanwhile.
        self._patience = Patience(SystemClock(), pauses=LONG_PAUSES_SECONDS)

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast(ChunkConsumer, self._app.consumer)

    # ---- publishing

    async def publish(self, partition: int, records: Sequence[OutboxRecord]) -> None:
        """See ``Publisher.publish``."""
        await self._send_all(
            [Message(_SHAPES[r.output], self._outputs[r.output], r.key, r.value, r.headers) for r in records]
        )

    async def dead_letter(self, partition: int, letters: Sequence[DeadLetterRecord]) -> None:
        """See ``Publisher.dead_letter``."""
        messages: list[Message] = []
        for letter in letters:
            topic = letter.input.topic(self._topics)
            headers = [
                *letter.headers,
                *dead_letter_headers(topic, partition, letter.offset, letter.reason, letter.detail),
            ]
            name = letter.input.dead_letter_topic(self._topics)
            messages.append(Message(Shape.DEAD_LETTER, name, letter.key, letter.value, headers))
        await self._send_all(messages)

    def commit_offsets(self, partition: int, offsets: Mapping[Input, int]) -> None:
        """See ``Publisher.commit_offsets``."""
        self._consumer.commits.note({self._app.tp((stream, partition)): offset for stream, offset in offsets.items()})

    async def _send_all(self, messages: Sequence[Message]) -> None:
        """Send in order and wait for the brokers' acknowledgement, as long as it takes; what is too large is cut before.

        Raises:
            KafkaError: trying again would not help.
        """
        await self._sizes.refresh()
        noted = False

        async def attempt() -> None:
            nonlocal noted
            producer = self._producer.current
            sent = [fit(message, self._sizes.of(message.topic)) for message in messages]
            if not noted:
                self._note_resized(messages, sent)
                noted = True
            whole = [message for message in sent if message is not None]
            # All are waited for: a producer is never given up while something of ours is on its way.
            queued = [await self._queue(message) for message in whole]
            ends = await asyncio.gather(*queued, return_exceptions=True)
            failed = [(m, end) for m, end in zip(whole, ends, strict=True) if isinstance(end, BaseException)]
            if failed:
                await self._recover(producer, failed)

        def report(error: Exception) -> None:
            topics = ", ".join(sorted({message.topic for message in messages}))
            log.warning("Kafka does not take our records for %s (%s), trying again", topics, error)

        await retry(attempt, self._patience, on=(_NotTakenError,), report=report)

    async def _recover(self, producer: object, failed: Sequence[tuple[Message, BaseException]]) -> None:
        """Prepare the next attempt, which ``_NotTakenError`` asks for; raises the error where none would help."""
        refused: dict[str, int] = {}
        for message, error in failed:
            if isinstance(error, _TOO_LARGE):
                refused[message.topic] = min(message.size, refused.get(message.topic, message.size))
            elif isinstance(error, ProducerClosed) and self._producer.current is not producer:
                # Another partition's refusal has replaced it meanwhile.
                continue
            elif not isinstance(error, OutOfOrderSequenceNumber) and not getattr(error, "retriable", False):
                raise error
        first = failed[0][1]
        for topic, size in refused.items():
            # It was altered, or its settings cannot be read.
            if not self._sizes.refused(topic, size):
                raise first
        if any(isinstance(error, (*_TOO_LARGE, OutOfOrderSequenceNumber)) for _, error in failed):
            # What was refused has left a gap in the numbers of this producer, so it would be refused for ever.
            await self._producer.replace(producer)
        raise _NotTakenError(repr(first)) from first

    def _note_resized(self, messages: Sequence[Message], sent: Sequence[Message | None]) -> None:
        for message, fitted in zip(messages, sent, strict=True):
            if fitted is message:
                continue
            became = LEFT_OUT if fitted is None else CUT
            self.resized[message.shape.value, became] += 1
            log.log(
                logging.ERROR if fitted is None else logging.WARNING,
                "%s of %d bytes for %s, which takes %d: %s",
                message.shape.value.replace("_", " "), message.size, message.topic, self._sizes.of(message.topic),
                became.replace("_", " "),
            )  # fmt: skip

    @property
    def _producer(self) -> IdempotentProducer:
        return cast(IdempotentProducer, self._app.producer)

    async def _queue(self, message: Message) -> Awaitable[Any]:
        """Give it to the producer; what comes of it is known when the answer has been awaited."""
        headers = list(message.headers)
        try:
            answer: Awaitable[Any] = await self._producer.send(
                message.topic, message.key, message.value, None, None, headers
            )
        except ProducerSendError as error:
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(error.__cause__ or error)
            return failed
        return answer

    # ---- asking

    async def end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.end_offsets``."""
        return self._by_source(await self._consumer.ask.end_offsets(self._tps(sources)))

    async def log_end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.log_end_offsets``."""
        return self._by_source(await self._consumer.ask.log_end_offsets(self._tps(sources)))

    async def earliest_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.earliest_offsets``."""
        return self._by_source(await self._consumer.ask.begin_offsets(self._tps(sources)))

    async def epoch_ends(self, epochs: Mapping[Source, int]) -> Mapping[Source, EpochEnd]:
        """See ``Broker.epoch_ends``."""
        asked = {self._app.tp(source): epoch for source, epoch in epochs.items()}
        return self._by_source(await self._consumer.ask.epoch_ends(asked))

    async def topic_ids(self) -> Mapping[Input, str]:
        """See ``Broker.topic_ids``."""
        ids = await self._consumer.ask.topic_ids([stream.topic(self._topics) for stream in Input])
        return {stream: ids[topic] for stream in Input if (topic := stream.topic(self._topics)) in ids}

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker.committed``."""
        return self._by_source(await self._consumer.ask.committed_offsets(self._tps(sources)))

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

    def _by_source(self, answers: Mapping[Any, T]) -> dict[Source, T]:
        return {self._app.source(TP(tp.topic, tp.partition)): answer for tp, answer in answers.items()}
