"""The dead-letter topics: read to their present end, and sent from again, each letter once."""

from __future__ import annotations

import enum
from collections.abc import Collection, Generator, Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from driftbell.dead_letters.letter import Letter, headers_to_resend, letter_of
from driftbell.errors import CommandError
from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings, producer_settings
from driftbell.streams.records import Input
from driftbell.tail.follow import bytes_of, headers_of

#: Seconds for one question to the cluster.
TIMEOUT = 15.0

#: Seconds until what was sent again must be acknowledged.
FLUSH_TIMEOUT = 60.0

#: librdkafka's RD_KAFKA_PARTITION_UA: the partitioner decides.
ANY_PARTITION = -1

#: Records taken at a time.
BATCH = 500


class From(enum.StrEnum):
    """Where reading begins."""

    #: All that the topics hold.
    BEGINNING = "beginning"
    #: What came since letters were last sent again.
    LAST_RESEND = "last_resend"


class DeadLetterTopics:
    """The dead-letter topics of both inputs. ``close`` it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._names = [stream.dead_letter_topic(config.topics) for stream in Input]
        # The group only remembers how far letters were sent again; it has no members.
        settings = consumer_settings(config.kafka, f"{config.worker.group}-dlq")
        self._consumer = Consumer(settings | {"log_level": 2, "enable.partition.eof": True})
        self._done: dict[tuple[str, int], int] = {}

    def read(self, start: From) -> Generator[Letter]:
        """Yield every letter once, up to where the topics end now.

        Raises:
            CommandError: the cluster cannot be reached, or a topic does not exist.
        """
        seen: set[tuple[str, int, int]] = set()
        try:
            open_partitions = self._assign(start)
            while open_partitions:
                for message in self._consumer.consume(BATCH, timeout=1.0):
                    place = (message.topic() or "", message.partition() or 0)
                    problem = message.error()
                    if problem is not None:
                        if problem.code() == KafkaError._PARTITION_EOF:
                            open_partitions.discard(place)
                        continue
                    self._done[place] = (message.offset() or 0) + 1
                    letter = letter_of(bytes_of(message.key()), bytes_of(message.value()), headers_of(message))
                    if letter is not None and letter.identity not in seen:
                        seen.add(letter.identity)
                        yield letter
        except KafkaException as error:
            raise self._unreachable(error) from error

    def resend(self, letters: Iterable[Letter]) -> int:
        """Publish letters to the topics that they came from, and remember how far ``read`` came. Returns their number.

        The key decides the partition, as it did the first time. Letters that were cut are left out. Nothing is remembered
        unless all are acknowledged.

        Raises:
            CommandError: not all were acknowledged; those that were would be sent again by the next call.
        """
        producer = Producer(producer_settings(self._config.kafka) | {"log_level": 2})
        failed: list[str] = []

        def acknowledged(problem: KafkaError | None, _message: object) -> None:
            if problem is not None:
                failed.append(problem.str())

        sent = 0
        for letter in letters:
            if not letter.whole:
                continue
            producer.produce(
                letter.topic,
                letter.value,
                letter.key,
                # Without a key the partitioner would choose any partition.
                partition=ANY_PARTITION if letter.key is not None else letter.partition,
                headers=[*headers_to_resend(letter)],
                on_delivery=acknowledged,
            )
            producer.poll(0)
            sent += 1
        left = producer.flush(FLUSH_TIMEOUT)
        if left or failed:
            raise CommandError(
                f"{left + len(failed):,} of {sent:,} were not acknowledged{f': {failed[0]}' if failed else ''}",
                "repeat the command when Kafka is well; letters that arrived will be sent again",
            )
        self._remember()
        return sent

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _assign(self, start: From) -> set[tuple[str, int]]:
        positions: list[TopicPartition] = []
        for name in self._names:
            listed = self._consumer.list_topics(name, timeout=TIMEOUT).topics[name]
            if listed.error is not None or not listed.partitions:
                raise CommandError(f"topic {name} does not exist", "run `driftbell topics create`")
            positions += [TopicPartition(name, index, OFFSET_BEGINNING) for index in listed.partitions]
        if start is From.LAST_RESEND:
            committed = self._consumer.committed(positions, timeout=TIMEOUT)
            positions = [
                TopicPartition(one.topic, one.partition, one.offset if one.offset >= 0 else OFFSET_BEGINNING)
                for one in committed
            ]
        self._consumer.assign(positions)
        return {(one.topic, one.partition) for one in positions}

    def _remember(self) -> None:
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._done.items()]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)

    def _unreachable(self, error: KafkaException) -> CommandError:
        return CommandError(
            f"no answer from Kafka at {self._config.kafka.get('bootstrap.servers')}: {error.args[0].str()}",
            "is it running, and are `kafka: bootstrap.servers` and the security settings right?",
        )


def chosen(letters: Iterable[Letter], reasons: Collection[str], topics: Collection[str]) -> Generator[Letter]:
    """Those of the given reasons and topics; an empty collection means any."""
    for letter in letters:
        if (not reasons or letter.reason in reasons) and (not topics or letter.topic in topics):
            yield letter
