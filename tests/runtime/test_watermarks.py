"""Asking where partitions end outlives the election after a broker's restart."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftbell.runtime.kafka.watermarks import watermarks


class Broker:
    """Answers with these errors, then with offsets."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def get_watermark_offsets(self, _source: TopicPartition, **_: Any) -> tuple[int, int]:
        if self.codes:
            code = self.codes.pop(0)
            raise KafkaException(KafkaError(code, retriable=code == KafkaError.NOT_LEADER_FOR_PARTITION))
        return 3, 7


def ask(broker: Broker, timeout: float = 5.0) -> tuple[int, int]:
    return watermarks(cast("Consumer", broker), TopicPartition("predictions", 0), timeout)


def test_a_broker_that_is_not_the_leader_yet_is_asked_again() -> None:
    assert ask(Broker(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_LEADER_FOR_PARTITION)) == (3, 7)


def test_what_does_not_pass_is_raised_at_once() -> None:
    broker = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        ask(broker)

    assert len(broker.codes) == 1


def test_an_election_that_never_ends_is_raised_when_the_time_is_over() -> None:
    with pytest.raises(KafkaException):
        ask(Broker(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 100), timeout=0.5)
