"""Apache Kafka of the tests: the jars from ``pom.xml``, run by the installed Java in KRaft mode."""

from __future__ import annotations

from tests.services.kafka.cluster import KafkaCluster
from tests.services.kafka.jars import KAFKA_VERSION, kafka_jars
from tests.services.kafka.node import KafkaNode

__all__ = ["KAFKA_VERSION", "KafkaCluster", "KafkaNode", "kafka_jars"]
