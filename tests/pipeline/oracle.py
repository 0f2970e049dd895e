"""The oracle: what the pipeline must have computed, from a plain reading of the topics, and what it did store and publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings
from driftbell.runtime.kafka.watermarks import watermarks
from driftbell.runtime.redis import close, connect
from driftbell.schemas import Alert
from driftbell.schemas.codec import decode_alert
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.encoding import MAGIC
from driftbell.streams.engine.set_aside import TRIES
from driftbell.streams.partition.merge import Tick
from driftbell.streams.partition.model import MODEL_FORMAT
from driftbell.streams.partition.partition import CORE_FORMAT, Partition
from driftbell.streams.records import Input, Output, Record

#: A generation later than any that a test reaches.
_LAST = 2**30


@dataclass(frozen=True, slots=True)
class Expected:
    """The state of one partition, as bytes and plain data, with the alerts decided until then."""

    offsets: Mapping[str, int]
    core: Mapping[str, Any]
    models: Mapping[str, bytes]
    waiting: Mapping[bytes, bytes]
    pending: Mapping[bytes, bytes]
    alerts: Mapping[str, Alert] = field(default_factory=dict)

    def differences(self, stored: Expected) -> list[str]:
        """What is stored and was not expected; empty when all is exact."""
        pairs = {
            what: (getattr(self, what), getattr(stored, what)) for what in ("offsets", "core", "models", "pending")
        }
        return [
            f"{what} differ: {_first_difference(ours, theirs)}"
            for what, (ours, theirs) in pairs.items()
            if ours != theirs
        ]


def record_of(message: Message[bytes, bytes]) -> Record:
    """One consumed record, as the core sees it."""
    headers: Any = message.headers() or ()
    return Record(message.offset() or 0, message.timestamp()[1], message.value(), message.key(), tuple(headers))


def read_partition(config: Config, topic: str, partition: int) -> list[Record]:
    """Everything in one partition, by a consumer that knows nothing of driftbell."""
    consumer = Consumer(consumer_settings(config.kafka, "oracle") | {"log_level": 0})
    records: list[Record] = []
    try:
        source = TopicPartition(topic, partition, 0)
        low, end = watermarks(consumer, source, timeout=30)
        consumer.assign([TopicPartition(topic, partition, low)])
        while (left := end - (records[-1].offset + 1 if records else low)) > 0:
            # No more than there are: librdkafka waits for the number asked for.
            records += [record_of(m) for m in consumer.consume(min(left, 10_000), timeout=5) if m.error() is None]
    finally:
        consumer.close()
    return records


def read_topic(config: Config, topic: str, partitions: int) -> list[Record]:
    """Everything in a topic, partition by partition."""
    return [record for partition in range(partitions) for record in read_partition(config, topic, partition)]


def expected_of(
    config: Config,
    partition: int,
    stored: Expected,
    *,
    stepped_over: Callable[[bytes | None], bool] = lambda _: False,
    deleted: Mapping[tuple[str, int], Sequence[Record]] | None = None,
    partitions: int | None = None,
) -> Expected:
    """Recompute one partition from the contents of its two topics, up to the offsets and the stream time of ``stored``.

    ``stepped_over`` says at which predictions the workers have failed again and again. ``deleted`` is what the topics once
    held, by topic and partition. ``partitions`` is how many there are: then the keys are looked at as well.
    """
    core = Partition(partition, config, partitions=partitions)
    pending = MemoryPending()
    alerts: dict[str, Alert] = {}
    stream_ms: int = stored.core["stream_ms"]
    for stream in Input:
        topic = getattr(config.topics, stream.value)
        records = [*(deleted or {}).get((topic, partition), ()), *read_partition(config, topic, partition)]
        for read in records:
            if stream is Input.PREDICTIONS and stepped_over(read.value):
                core.step_over(stream, read.offset, f"failed {TRIES + 1} times here: RuntimeError: poison")
        core.push(stream, [record for record in records if record.offset < stored.offsets.get(stream.value, 0)])
        core.advance_watermark(stream, stream_ms + round(config.worker.tick * 1000))
    while (step := core.next_step()) is not None:
        if isinstance(step, Tick) and step.now_ms > stream_ms:
            break
        keys = core.lookups(step)
        for _ in core.run(step, pending.lookup(core.live_slots, keys) if keys else None):
            pass
        if core.at_safe_point:
            taken = core.checkpoint(with_state=False)
            pending.apply(taken.join)
            core.saved(taken)
            core.published(taken)
            for record in taken.outbox:
                if record.output is Output.ALERTS and record.value is not None:
                    alert = decode_alert(record.value)
                    assert alert.id not in alerts, "the oracle decided one transition twice"
                    alerts[alert.id] = alert
    for model in core.models.values():
        model.dirty = True
    last = core.checkpoint()
    return Expected(
        offsets=last.offsets,
        core=_of_the_contents(last.core) | {"stream_ms": stream_ms},
        models={name: blob for name, blob in last.models.items() if blob is not None},
        waiting={},
        pending={key: packed for slot in sorted(pending.slots) for key, packed in pending.slots[slot].items()},
        alerts=alerts,
    )


def stored_of(config: Config, partition: int) -> Expected | None:
    """What the store holds of one partition; takes the partition from whoever has it. None when nothing is stored."""
    return asyncio.run(_stored_of(config, partition))


async def _stored_of(config: Config, partition: int) -> Expected | None:
    client = connect(config.redis)
    try:
        store = RedisCheckpointStore(client, config.worker.group)
        stored = (await store.claim(partition, _LAST, "oracle", stale_after=0)).stored
        if stored is None:
            return None
        pending: dict[bytes, bytes] = {}
        pattern = f"driftbell:{{{config.worker.group}:{partition}}}:pending:*"
        keys = [key async for key in client.scan_iter(match=pattern, count=1000)]
        for key in sorted(keys, key=lambda name: int(name.rsplit(b":", 1)[1])):
            entries: Any = await client.hgetall(key)
            pending |= entries
    finally:
        await close(client)
    return Expected(
        offsets=stored.offsets,
        core=_of_the_contents(stored.core),
        models=stored.models,
        waiting=stored.waiting,
        pending=pending,
    )


def published_alerts(config: Config, partitions: int) -> list[tuple[int, Alert]]:
    """All records of the alerts topic, repeats included, each with the epoch ms of its publication."""
    records = read_topic(config, config.topics.alerts, partitions)
    return [(r.timestamp, decode_alert(r.value)) for r in records if r.value is not None]


def _of_the_contents(core: bytes) -> dict[str, Any]:
    """What follows from the contents of the topics alone; who led them then is not in their records."""
    return {name: value for name, value in CORE_FORMAT.decode(core).items() if name != "logs"}


def _first_difference(ours: object, theirs: object) -> str:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}, key=repr):
            if repr(ours.get(key)) != repr(theirs.get(key)):
                return f"[{key!r}] " + _first_difference(ours.get(key), theirs.get(key))
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
            if repr(mine) != repr(its):
                return f"[{at}] " + _first_difference(mine, its)
    if isinstance(ours, bytes) and isinstance(theirs, bytes) and ours[:2] == theirs[:2] == MAGIC:
        return _first_difference(MODEL_FORMAT.decode(ours), MODEL_FORMAT.decode(theirs))
    return f"expected {str(ours)[:200]}, stored {str(theirs)[:200]}"
