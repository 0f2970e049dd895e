"""Asks Kafka where the inputs end, and the store where the checkpoints are."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftbell.errors import CommandError, UsageError
from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings
from driftbell.runtime.redis import connect, is_memory
from driftbell.status.fleet import Fleet, fleet
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.errors import StoreUnavailableError
from driftbell.streams.records import Input

#: Seconds for one question to the cluster.
TIMEOUT = 15.0


async def gather(config: Config) -> Fleet:
    """The fleet of the configured group.

    Raises:
        CommandError: Kafka or Redis does not answer, or the input topics do not exist.
        UsageError: the store is in memory, which nobody outside the worker can see.
    """
    store = store_of(config)
    try:
        ends = _ends(config)
        known = await store.status({partition for _, partition in ends})
    except StoreUnavailableError as error:
        raise CommandError(str(error), "is it running, and is redis.url right?") from error
    finally:
        await store.close()
    return fleet(config.worker.group, ends, {status.partition: status for status in known})


def store_of(config: Config) -> RedisCheckpointStore:
    """The store of the checkpoints. Raises UsageError for one in memory."""
    if is_memory(config.redis):
        raise UsageError("redis.url is memory://, whose state only the worker itself can see", "set redis.url")
    return RedisCheckpointStore(connect(config.redis), config.worker.group)


def _ends(config: Config) -> dict[tuple[str, int], int]:
    names = {Input.PREDICTIONS.value: config.topics.predictions, Input.FEEDBACK.value: config.topics.feedback}
    # Log level 2 is "critical": connection errors are reported once, by us, with what to do.
    consumer = Consumer(consumer_settings(config.kafka, f"{config.worker.group}-status") | {"log_level": 2})
    ends: dict[tuple[str, int], int] = {}
    try:
        for name, topic in names.items():
            listed = consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
            if listed.error is not None or not listed.partitions:
                raise CommandError(f"topic {topic} does not exist", "run `driftbell topics create`")
            for partition in listed.partitions:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT)
                ends[name, partition] = end
    except KafkaException as error:
        raise CommandError(
            f"no answer from Kafka at {config.kafka.get('bootstrap.servers')}: {error.args[0].str()}",
            "is it running, and are `kafka: bootstrap.servers` and the security settings right?",
        ) from error
    finally:
        consumer.close()
    return ends
