"""Reading topics without taking part: no group is joined, nothing is committed, nobody's position moves."""

from __future__ import annotations

import enum
from collections.abc import Generator, Mapping

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from driftbell.errors import CommandError
from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings
from driftbell.schemas import Headers
from driftbell.tail.format import ConsumedRecord, TopicKind

#: librdkafka wants a group's name even where none is joined.
GROUP = "driftbell-tail"

#: Seconds for one question to the cluster.
TIMEOUT = 15.0

#: Seconds between two looks for Ctrl-C while nothing arrives.
POLL = 0.25

#: Records taken at a time.
BATCH = 500


#: confluent-kafka (2.x) ends the process with a segmentation fault at a header whose name is not UTF-8, before Python can do
#: anything about it. So headers are read only where we wrote them; an event does not need its own.
_FROM_PRODUCERS = frozenset({TopicKind.PREDICTIONS, TopicKind.FEEDBACK})


class Start(enum.StrEnum):
    """Where to begin, if not at a time."""

    END = "end"
    BEGINNING = "beginning"


def follow(
    config: Config, kinds: Mapping[str, TopicKind], start: Start | int, *, until_ms: int | None = None
) -> Generator[ConsumedRecord]:
    """Yield the records of the topics in ``kinds`` as they come; close the generator to stop.

    Args:
        start: where to begin; a number is a record time in epoch milliseconds.
        until_ms: end with the records before this time, and at the present end of the topics; None: go on for ever.

    Raises:
        CommandError: the cluster cannot be reached, or a topic does not exist.
    """
    # Log level 2 is "critical": connection errors are reported once, by us, with what to do.
    consumer = Consumer(consumer_settings(config.kafka, GROUP) | {"log_level": 2, "enable.partition.eof": True})
    try:
        positions = _positions(consumer, config, list(kinds), start)
        consumer.assign(positions)
        going = {(position.topic, position.partition) for position in positions}
        while going or until_ms is None:
            for message in consumer.consume(BATCH, timeout=POLL):
                problem = message.error()
                source = (message.topic() or "", message.partition() or 0)
                if until_ms is not None and (
                    problem.code() == KafkaError._PARTITION_EOF
                    if problem is not None
                    else message.timestamp()[1] >= until_ms
                ):
                    going.discard(source)
                if source not in going:
                    continue
                if problem is not None:
                    if problem.retriable() or not problem.fatal():
                        continue
                    raise CommandError(f"Kafka: {problem.str()}")
                topic = message.topic() or ""
                yield ConsumedRecord(
                    kinds[topic],
                    topic,
                    message.partition() or 0,
                    message.offset() or 0,
                    message.timestamp()[1],
                    bytes_of(message.key()),
                    bytes_of(message.value()),
                    [] if kinds[topic] in _FROM_PRODUCERS else headers_of(message),
                )
    except KafkaException as error:
        raise CommandError(f"Kafka at {config.kafka.get('bootstrap.servers')}: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _positions(consumer: Consumer, config: Config, topics: list[str], start: Start | int) -> list[TopicPartition]:
    try:
        listed = {name: consumer.list_topics(name, timeout=TIMEOUT).topics[name] for name in topics}
    except KafkaException as error:
        raise CommandError(
            f"no answer from Kafka at {config.kafka.get('bootstrap.servers')}: {error.args[0].str()}",
            "is it running, and are `kafka: bootstrap.servers` and the security settings right?",
        ) from error
    for name, topic in listed.items():
        if topic.error is not None or not topic.partitions:
            raise CommandError(
                f"topic {name} does not exist", "run `driftbell topics create`, or correct its name under `topics:`"
            )
    if isinstance(start, Start):
        offset = OFFSET_END if start is Start.END else OFFSET_BEGINNING
        return [TopicPartition(name, index, offset) for name, topic in listed.items() for index in topic.partitions]
    return consumer.offsets_for_times(
        [TopicPartition(name, index, start) for name, topic in listed.items() for index in topic.partitions],
        timeout=TIMEOUT,
    )


def headers_of(message: KafkaMessage) -> Headers:
    """The headers of a consumed record."""
    # librdkafka gives a list of pairs; the type allows for the dict that a producer may be given.
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, bytes_of(value)) for name, value in pairs]


def bytes_of(data: bytes | str | None) -> bytes | None:
    """A key or value of a consumed record, which is always bytes; the client's type allows for text."""
    return data.encode() if isinstance(data, str) else data
