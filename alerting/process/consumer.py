"""The alerts topic as the router reads it: all partitions or none, from offsets that the router's store knows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.process.assignor import single_owner_assignor
from driftbell.runtime.kafka.fetching import tolerate_unreadable_records
from driftbell.schemas import BadRecord, decode_alert

log = logging.getLogger(__name__)

#: Records per poll. A batch is one write to the store; more would make that write large, fewer would make catching up
#: slow.
MAX_POLL_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the group has given us: all partitions, or none while we stand by."""

    generation: int
    partitions: tuple[int, ...]


class AlertsConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads alert records. Kafka's committed offsets are a progress display; the store's offsets are the truth.

    Args:
        settings: keyword arguments for aiokafka (``driftbell.runtime.kafka.aiokafka_settings``).
        topic: the alerts topic.
        group: the consumer group of the routers.
        session_timeout_seconds: after this silence of the leader another takes over.
    """

    def __init__(self, settings: Mapping[str, Any], topic: str, group: str, session_timeout_seconds: float) -> None:
        self.topic = topic
        #: None until the group has decided, and while it decides again.
        self.assignment: Assignment | None = None
        tolerate_unreadable_records()
        self._consumer = AIOKafkaConsumer(
            **settings,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=round(session_timeout_seconds * 1000),
            heartbeat_interval_ms=max(100, round(session_timeout_seconds * 1000 / 4)),
            max_poll_records=MAX_POLL_RECORDS,
            partition_assignment_strategy=[single_owner_assignor(lambda: self._leader_since)],
        )
        #: The generation in which we were given the partitions; 0 while we stand by.
        self._leader_since = 0

    async def start(self) -> None:
        """Join the group.

        Raises:
            KafkaError: no broker answers.
        """
        await self._consumer.start()
        self._consumer.subscribe([self.topic], listener=self)

    async def stop(self) -> None:
        """Leave the group, so that another router takes over at once."""
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Called by aiokafka."""
        self.assignment = None

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called by aiokafka. Nothing is read before ``seek``: the offsets are the store's to say."""
        self._consumer.pause(*assigned)
        partitions = tuple(sorted(partition.partition for partition in assigned))
        self.assignment = Assignment(self._consumer._coordinator.generation, partitions)
        self._leader_since = self.assignment.generation if partitions else 0
        log.info("group has decided", extra={"generation": self.assignment.generation, "partitions": len(partitions)})

    async def brokers_answer(self) -> bool:
        """Whether a broker answers just now, whether this router leads or stands by."""
        answer: bool = await self._consumer._client.force_metadata_update()
        return answer

    @property
    def topic_exists(self) -> bool:
        """Whether the brokers know the topic, by their last answer."""
        return bool(self._consumer._client.cluster.partitions_for_topic(self.topic))

    async def bounds(self, partitions: tuple[int, ...]) -> dict[int, tuple[int, int]]:
        """First and next offset of each partition, as the broker has them now."""
        tps = [TopicPartition(self.topic, partition) for partition in partitions]
        first = await self._consumer.beginning_offsets(tps)
        end = await self._consumer.end_offsets(tps)
        return {tp.partition: (first[tp], end[tp]) for tp in tps}

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read on from these offsets."""
        for partition, offset in offsets.items():
            tp = TopicPartition(self.topic, partition)
            self._consumer.seek(tp, offset)
            self._consumer.resume(tp)

    def check(self) -> None:
        """Ask aiokafka for errors of its coordinator: on an unexpected one it stops until somebody asks.

        Raises:
            KafkaError: the coordinator goes on after it.
        """
        self._consumer._coordinator.check_errors()

    async def poll(self, timeout_seconds: float) -> list[AlertRecord]:
        """The next records, in order within each partition; empty after ``timeout_seconds`` without any."""
        batches = await self._consumer.getmany(timeout_ms=round(timeout_seconds * 1000))
        return [_record(raw) for batch in batches.values() for raw in batch]

    async def position(self, partition: int) -> int:
        """The next offset that ``poll`` will read; 0 when the partition is not ours any more."""
        tp = TopicPartition(self.topic, partition)
        return int(await self._consumer.position(tp)) if tp in self._consumer.assignment() else 0

    def lag(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Records between ``offsets`` and the end of each partition, as far as the last fetches tell."""
        found = {}
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            if end is not None:
                found[tp.partition] = max(0, end - offsets.get(tp.partition, 0))
        return found

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Show progress to Kafka's tools. Failing changes nothing."""
        wanted = {
            TopicPartition(self.topic, partition): offset
            for partition, offset in offsets.items()
            if TopicPartition(self.topic, partition) in self._consumer.assignment()
        }
        if not wanted:
            return
        try:
            await self._consumer.commit(wanted)
        except KafkaError as error:
            log.info("offsets not committed, the store has them", extra={"error": str(error)})


def _record(raw: Any) -> AlertRecord:
    if raw.value is None:
        return AlertRecord(raw.partition, raw.offset, None)
    try:
        return AlertRecord(raw.partition, raw.offset, decode_alert(raw.value, raw.headers))
    except BadRecord as error:
        log.error(
            "alert record cannot be used",
            extra={
                "partition": raw.partition,
                "offset": raw.offset,
                "reason": error.reason.value,
                "detail": error.detail,
            },
        )
        return AlertRecord(raw.partition, raw.offset, None)
