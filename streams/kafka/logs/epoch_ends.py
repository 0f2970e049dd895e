"""Where a leader's log ends in an epoch: shorter than what was read of that epoch, its tail has been lost (KIP-320).

Asked of the leaders by ``OffsetForLeaderEpoch``, which aiokafka does not have. Kafka knows its version 2 since 2.1, and wants
no more for it than the permission to describe the topic. Source: Kafka's ``OffsetForLeaderEpochRequest.json``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka.errors import NoError, NotLeaderForPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Int64, Schema, String
from aiokafka.structs import TopicPartition

from driftbell.streams.kafka.logs.leaders import leader_of
from driftbell.streams.partition.input_logs.comparison import EpochEnd

_API_KEY, _API_VERSION = 23, 2

#: We do not know in which epoch the leader leads now.
_NO_EPOCH = -1


class EpochEndsResponse(Response):  # type: ignore[misc]
    """The answer, version 2."""

    API_KEY, API_VERSION = _API_KEY, _API_VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("error_code", Int16), ("partition", Int32), ("leader_epoch", Int32), ("end_offset", Int64)),
                ),
            ),
        ),
    )


class EpochEndsRequestV2(RequestStruct):  # type: ignore[misc]
    """The question, version 2."""

    API_KEY, API_VERSION, RESPONSE_TYPE = _API_KEY, _API_VERSION, EpochEndsResponse
    SCHEMA = Schema(
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32)),
                ),
            ),
        ),
    )


class EpochEndsRequest(Request[EpochEndsRequestV2]):  # type: ignore[misc]
    """The question, for some partitions of some topics."""

    API_KEY = _API_KEY

    def __init__(self, topics: Mapping[str, list[tuple[int, int, int]]]) -> None:
        self._topics = list(topics.items())

    def build(self, request_struct_class: type[EpochEndsRequestV2]) -> EpochEndsRequestV2:
        """See ``Request``."""
        return request_struct_class(self._topics)


class _Answer(NamedTuple):
    error_code: int
    partition: int
    epoch: int
    end: int


async def epoch_ends(client: Any, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, EpochEnd]:
    """Ask each partition's leader for the end of an epoch, or of the last one before it that it knows.

    Args:
        client: aiokafka's network client.

    Raises:
        aiokafka.errors.KafkaError: a leader is unknown, has changed or does not answer, or the request is not known there.
    """
    by_leader: dict[int, dict[str, list[tuple[int, int, int]]]] = defaultdict(lambda: defaultdict(list))
    for partition, epoch in epochs.items():
        leader = leader_of(client, partition)
        by_leader[leader][partition.topic].append((partition.partition, _NO_EPOCH, epoch))
    found: dict[TopicPartition, EpochEnd] = {}
    for answer in await asyncio.gather(*(_ask(client, leader, topics) for leader, topics in by_leader.items())):
        found.update(answer)
    return found


async def _ask(
    client: Any, leader: int, topics: Mapping[str, list[tuple[int, int, int]]]
) -> dict[TopicPartition, EpochEnd]:
    response = await client.send(leader, EpochEndsRequest(topics))
    ends: dict[TopicPartition, EpochEnd] = {}
    for topic, partitions in response.topics:
        for answer in (_Answer(*values) for values in partitions):
            partition = TopicPartition(topic, answer.partition)
            error = for_code(answer.error_code)
            if error is NotLeaderForPartitionError:
                client.force_metadata_update()
            if error is not NoError:
                raise error(partition)
            ends[partition] = EpochEnd(answer.epoch, answer.end)
    return ends


__all__ = ["epoch_ends"]
