"""What the engine asks the brokers about the inputs, in the thread of the consumer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAuthorizationFailedError,
    UnsupportedVersionError,
)
from aiokafka.structs import TopicPartition
from faust.types import TP

from driftbell.streams.kafka.logs.epoch_ends import epoch_ends
from driftbell.streams.kafka.logs.log_end import log_end_offsets
from driftbell.streams.kafka.logs.topic_ids import topic_ids
from driftbell.streams.partition.input_logs.comparison import EpochEnd

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A broker that does not know a request, or may not answer it to us. ``NotImplementedError`` is aiokafka's word for a version.
_NOT_TO_BE_ASKED = (
    IncompatibleBrokerVersion,
    NotImplementedError,
    UnsupportedVersionError,
    ClusterAuthorizationFailedError,
    TopicAuthorizationFailedError,
)


async def asked(answer: Awaitable[T]) -> T:
    """The answer; OSError instead of Kafka's errors."""
    try:
        return await answer
    except KafkaError as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


class Questions:
    """Each raises OSError when the brokers do not answer.

    Args:
        thread: Faust's consumer thread, once there is one.
    """

    def __init__(self, thread: Callable[[], Any]) -> None:
        self._thread = thread
        self._not_answered: set[str] = set()

    async def end_offsets(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """Where partitions end."""
        return await asked(self._thread().highwaters(*tps))

    async def log_end_offsets(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """Where the leaders' logs end; see ``log_end``."""
        ends = await asked(self._in_thread(log_end_offsets, [TopicPartition(*tp) for tp in tps]))
        return {TP(tp.topic, tp.partition): offset for tp, offset in ends.items()}

    async def begin_offsets(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """Where partitions begin."""
        return await asked(self._thread().earliest_offsets(*tps))

    async def committed_offsets(self, tps: Collection[TP]) -> Mapping[TP, int]:
        """The committed offsets, where there are any."""
        consumer = self._thread()._ensure_consumer()
        offsets: dict[TP, int] = {}
        for tp in tps:
            offset = await asked(self._thread().call_thread(consumer.committed, TopicPartition(*tp)))
            if offset is not None:
                offsets[tp] = offset
        return offsets

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> Mapping[TP, EpochEnd]:
        """Where the leaders' logs end in these epochs (see ``epoch_ends``); empty where that cannot be asked."""
        wanted = {TopicPartition(*tp): epoch for tp, epoch in epochs.items()}
        ends = await self._if_known("where a leader's log ends in an epoch", epoch_ends, wanted)
        return {TP(tp.topic, tp.partition): end for tp, end in (ends or {}).items()}

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """The topics' ids (see ``topic_ids``), as far as the brokers know and say them."""
        return await self._if_known("the ids of topics", topic_ids, topics) or {}

    async def _if_known(self, what: str, question: Callable[..., Awaitable[T]], about: object) -> T | None:
        try:
            return await asked(self._if_allowed(question, about))
        except _NotAnsweredError as error:
            if what not in self._not_answered:
                self._not_answered.add(what)
                log.warning("the brokers do not say %s (%r): whether the inputs' logs have lost records is judged by "
                            "their offsets alone", what, error.__cause__)  # fmt: skip
            return None

    async def _if_allowed(self, question: Callable[..., Awaitable[T]], about: object) -> T:
        try:
            return await self._in_thread(question, about)
        except _NOT_TO_BE_ASKED as error:
            raise _NotAnsweredError from error

    async def _in_thread(self, question: Callable[..., Awaitable[T]], about: object) -> T:
        thread = self._thread()
        answer: T = await thread.call_thread(question, thread._ensure_consumer()._client, about)
        return answer


class _NotAnsweredError(Exception):
    """The brokers do not answer this question at all."""


__all__ = ["Questions", "asked"]
