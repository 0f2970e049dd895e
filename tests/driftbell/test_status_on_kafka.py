"""``driftbell status`` against a real broker, as only that writes transaction markers."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer

from driftbell.runtime.config.model import Config, Topics
from driftbell.status.gather import _ends, _without_markers
from tests.services import KafkaCluster

pytestmark = pytest.mark.kafka


def test_lag_is_0_when_only_a_transaction_marker_is_left_to_read(kafka: KafkaCluster) -> None:
    topics: Topics = kafka.create_all(1)
    config = Config(kafka=dict(kafka.settings), topics=topics)
    producer = Producer({**kafka.settings, "transactional.id": uuid.uuid4().hex, "log_level": 0})
    producer.init_transactions()
    for topic in (topics.predictions, topics.feedback):
        producer.begin_transaction()
        producer.produce(topic, b"{}")
        producer.produce(topic, b"{}")
        producer.commit_transaction()
    ends = _ends(config)
    assert set(ends.values()) == {3}, "two records and a marker"

    read_all = _without_markers(config, ends, dict.fromkeys(ends, 2))
    read_one = _without_markers(config, ends, dict.fromkeys(ends, 1))
    read_markers = _without_markers(config, ends, dict.fromkeys(ends, 3))

    assert set(read_all.values()) == {2}
    assert set(read_one.values()) == {3}
    assert set(read_markers.values()) == {3}
