"""Who leads a partition, as far as aiokafka's network client knows; where it does not, it asks."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import LeaderNotAvailableError, StaleMetadata
from aiokafka.structs import TopicPartition


def leader_of(client: Any, partition: TopicPartition) -> int:
    """The leader's node id.

    Raises:
        aiokafka.errors.KafkaError: it is not known, or there is none; it has been asked for.
    """
    leader: int | None = client.cluster.leader_for_partition(partition)
    if leader is None:
        client.add_topic(partition.topic)
        raise StaleMetadata(partition)
    if leader == -1:
        client.force_metadata_update()
        raise LeaderNotAvailableError(partition)
    return leader


__all__ = ["leader_of"]
