"""Asks Kafka where the inputs end, and the store where the checkpoints are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftbell.alerting.errors import RouterError
from driftbell.alerting.process.service import store_of as routers_store
from driftbell.errors import CommandError, UsageError
from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings
from driftbell.runtime.kafka.watermarks import watermarks
from driftbell.runtime.redis import connect, is_memory
from driftbell.status.fleet import Fleet, fleet
from driftbell.status.given_up import GivenUpThere, look_for_given_up
from driftbell.status.retired import RetiredDestination, look
from driftbell.streams.checkpoints.checkpoint import CheckpointStore, PartitionStatus
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.errors import StoreUnavailableError
from driftbell.streams.partition.summary import WatchSummary, watched
from driftbell.streams.records import Input

#: Seconds for one question to the cluster.
TIMEOUT = 15.0

#: A lag of at most so many records may be transaction markers alone, and is looked into.
NEAR = 100


#: Without being asked for by name, so many models are looked into: each costs about ten milliseconds, and there may be 10,000.
MODELS_SHOWN = 50


async def gather(config: Config, names: Sequence[str] = ()) -> Fleet:
    """The fleet of the configured group.

    Args:
        config: names Kafka, Redis and the group.
        names: the models to look into; the first ``MODELS_SHOWN`` without.

    Raises:
        CommandError: Kafka or Redis does not answer, or the input topics do not exist.
        UsageError: the store is in memory, which nobody outside the worker can see.
    """
    store = store_of(config)
    try:
        ends = _ends(config)
        known = await store.status({partition for _, partition in ends})
        done = {(name, one.partition): offset for one in known for name, offset in one.offsets.items()}
        ends = _without_markers(config, ends, done)
        models, left_out = await _models(config, store, known, names)
    except StoreUnavailableError as error:
        raise CommandError(str(error), "is it running, and is redis.url right?") from error
    finally:
        await store.close()
    retired, given_up = await _of_the_router(config)
    found = {status.partition: status for status in known}
    return fleet(config.worker.group, ends, found, models, left_out, retired, given_up)


async def _of_the_router(config: Config) -> tuple[list[RetiredDestination], list[GivenUpThere]]:
    router = routers_store(config)
    try:
        return await look(router), await look_for_given_up(router)
    except RouterError as error:
        raise CommandError(str(error)) from error
    finally:
        await router.close()


async def _models(
    config: Config, store: CheckpointStore, known: Sequence[PartitionStatus], names: Sequence[str]
) -> tuple[list[WatchSummary], int]:
    found: list[WatchSummary] = []
    looked_into = 0
    for one in known:
        held = await store.models(one.partition, names or None, MODELS_SHOWN - looked_into)
        looked_into += len(held)
        for name, blob in sorted(held.items()):
            found += watched(name, blob, config.monitoring_for(name))
    if names and (absent := sorted({*names} - {one.model for one in found})):
        raise CommandError(f"no partition knows a model {absent[0]!r}", "`driftbell events tail` shows what comes in")
    return found, 0 if names else sum(one.models for one in known) - looked_into


def store_of(config: Config) -> RedisCheckpointStore:
    """The store of the checkpoints. Raises UsageError for one in memory."""
    if is_memory(config.redis):
        raise UsageError("redis.url is memory://, whose state only the worker itself can see", "set redis.url")
    return RedisCheckpointStore(connect(config.redis), config.worker.group)


def _ends(config: Config) -> dict[tuple[str, int], int]:
    ends: dict[tuple[str, int], int] = {}
    with _consumer(config) as consumer:
        for name, topic in _inputs(config).items():
            listed = consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
            if listed.error is not None or not listed.partitions:
                raise CommandError(f"topic {topic} does not exist", "run `driftbell topics create`")
            for partition in listed.partitions:
                _, end = watermarks(consumer, TopicPartition(topic, partition), TIMEOUT)
                ends[name, partition] = end
    return ends


def _without_markers(
    config: Config, ends: Mapping[tuple[str, int], int], done: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    """The ends as if trailing transaction markers were not there.

    A transaction ends with a marker that takes an offset and is never given to a consumer, so a worker that has read
    everything stands before it. Whether something is left is found out by reading on.
    """
    topics = _inputs(config)
    near = {
        (topics[name], partition): (name, partition)
        for (name, partition), end in ends.items()
        if 0 < end - done.get((name, partition), end) <= NEAR
    }
    if not near:
        return dict(ends)
    with _consumer(config, {"enable.partition.eof": True, "fetch.wait.max.ms": 50}) as consumer:
        consumer.assign([TopicPartition(topic, partition, done[near[topic, partition]]) for topic, partition in near])
        nothing: set[tuple[str, int]] = set()
        deadline = time.monotonic() + TIMEOUT
        while near and time.monotonic() < deadline:
            for message in consumer.consume(NEAR, timeout=0.2):
                problem = message.error()
                slot = near.get((message.topic() or "", message.partition() or 0))
                if slot is None or (problem is not None and problem.code() != KafkaError._PARTITION_EOF):
                    continue
                del near[message.topic() or "", message.partition() or 0]
                if problem is not None:
                    nothing.add(slot)
    return {slot: done[slot] if slot in nothing else end for slot, end in ends.items()}


def _inputs(config: Config) -> dict[str, str]:
    return {stream.value: stream.topic(config.topics) for stream in Input}


@contextlib.contextmanager
def _consumer(config: Config, more: Mapping[str, Any] | None = None) -> Iterator[Consumer]:
    # Log level 2 is "critical": connection errors are reported once, by us, with what to do.
    settings = consumer_settings(config.kafka, f"{config.worker.group}-status") | {"log_level": 2} | dict(more or {})
    consumer = Consumer(settings)
    try:
        yield consumer
    except KafkaException as error:
        raise CommandError(
            f"no answer from Kafka at {config.kafka.get('bootstrap.servers')}: {error.args[0].str()}",
            "is it running, and are `kafka: bootstrap.servers` and the security settings right?",
        ) from error
    finally:
        consumer.close()
