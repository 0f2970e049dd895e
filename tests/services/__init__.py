"""Real services for the tests: Apache Kafka, Redis, Valkey and librdkafka's mock cluster, started on free ports."""

from __future__ import annotations

from tests.services.embedded import EmbeddedBroker
from tests.services.kafka import KafkaCluster, KafkaNode
from tests.services.redis import RedisCluster, RedisSentinel, RedisServer, ValkeyServer

__all__ = [
    "EmbeddedBroker",
    "KafkaCluster",
    "KafkaNode",
    "RedisCluster",
    "RedisSentinel",
    "RedisServer",
    "ValkeyServer",
]
