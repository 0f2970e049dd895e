"""The log's end at the leader, on three real brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.structs import TopicPartition
from confluent_kafka import Producer

from driftbell.streams.kafka.logs.log_end import log_end_offsets
from tests.services import KafkaCluster

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    """A cluster of the test's own, as a node is frozen. For minutes the others take that node for one in sync."""
    patient = {"broker.session.timeout.ms": "120000", "replica.lag.time.max.ms": "120000"}
    with KafkaCluster(tmp_path, nodes=3, properties=patient) as cluster:
        yield cluster


@asynccontextmanager
async def consumer_of(cluster: KafkaCluster, partition: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.end_offsets([partition])
        yield consumer
    finally:
        await consumer.stop()


async def test_it_counts_records_that_no_consumer_may_read_yet(cluster: KafkaCluster) -> None:
    partition = TopicPartition("replicated", 0)
    cluster.create_topics([partition.topic], 1, {"message.timestamp.type": "LogAppendTime"})
    replicated = Producer(cluster.settings | {"acks": "all"})
    producer = Producer(cluster.settings | {"acks": "1"})
    for number in range(10):
        replicated.produce(partition.topic, b"%d" % number)
    replicated.flush()
    async with consumer_of(cluster, partition) as consumer:
        client = consumer._client
        leader = client.cluster.leader_for_partition(partition)
        follower = next(node for node in cluster.nodes if node.node_id != leader)
        other = next(node for node in cluster.nodes if node.node_id not in {leader, follower.node_id})
        follower.pause()
        try:
            for number in range(5):
                producer.produce(partition.topic, b"%d" % number)
            producer.flush()

            assert (await consumer.end_offsets([partition]))[partition] == 10
            assert await log_end_offsets(client, [partition]) == {partition: 15}

            client.cluster._partitions[partition.topic][0] = client.cluster._partitions[partition.topic][0]._replace(
                leader=other.node_id
            )
            with pytest.raises(NotLeaderForPartitionError):
                await log_end_offsets(client, [partition])
        finally:
            follower.resume()
