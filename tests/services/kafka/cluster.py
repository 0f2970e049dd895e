"""A Kafka cluster of one or three nodes, and what tests do to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from driftbell.runtime.config.model import Topics
from tests.services.kafka.jars import kafka_jars
from tests.services.kafka.node import KafkaNode
from tests.services.waiting import wait_until


class KafkaCluster:
    """``nodes`` brokers. With three: replication 3 and at least 2 in-sync replicas, so any one may be killed.

    Args:
        folder: parent of the nodes' folders.
        nodes: 1 or 3.
        properties: server properties of every node.
    """

    def __init__(self, folder: Path, nodes: int = 1, *, properties: Mapping[str, str] | None = None) -> None:
        self.nodes = [
            KafkaNode(folder / f"node-{index}", node_id=index, properties=properties) for index in range(1, nodes + 1)
        ]
        self.replication = min(3, nodes)
        for node in self.nodes:
            node.voters = ",".join(f"{peer.node_id}@127.0.0.1:{peer.controller_port}" for peer in self.nodes)
            node.replication = self.replication

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Nobody needs the data any more, and a controlled shutdown of three nodes takes seconds.
        self.kill()

    @property
    def bootstrap(self) -> str:
        """host:port of every node, comma separated."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def settings(self) -> dict[str, str]:
        """What a client's configuration needs."""
        return {"bootstrap.servers": self.bootstrap}

    def start(self) -> None:
        """Start every node and wait until all answer.

        Raises:
            RuntimeError: a node did not start; the message ends with its log.
        """
        kafka_jars()
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(KafkaNode.launch, self.nodes))
        for node in self.nodes:
            node.wait_until_it_answers()

    def stop(self) -> None:
        """Stop every node; the last ones of a quorum cannot hand over, so all at once."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(KafkaNode.stop, self.nodes))

    def kill(self) -> None:
        """SIGKILL every node."""
        for node in self.nodes:
            node.kill()

    def restart(self, *, kill: bool = False) -> None:
        """Stop (or kill) every node and start them with their data."""
        if kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP every node."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """SIGCONT every node."""
        for node in self.nodes:
            node.resume()

    def admin(self) -> AdminClient:
        """A new admin client."""
        return AdminClient({"bootstrap.servers": self.bootstrap})

    def create_topics(self, names: Iterable[str], partitions: int = 4, config: Mapping[str, str] | None = None) -> None:
        """Create topics and wait until every partition has a leader.

        Raises:
            KafkaException: a topic exists already or was refused.
        """
        wanted = list(names)
        admin = self.admin()
        new = [NewTopic(name, partitions, self.replication, config=dict(config or {})) for name in wanted]
        for future in admin.create_topics(new, operation_timeout=30).values():
            future.result()

        def led() -> bool:
            topics = admin.list_topics(timeout=5).topics
            return all(
                name in topics
                and len(topics[name].partitions) == partitions
                and all(partition.leader >= 0 for partition in topics[name].partitions.values())
                for name in wanted
            )

        wait_until(led, f"{wanted} have leaders")

    def delete_topics(self, names: Iterable[str]) -> None:
        """Delete topics; one that does not exist is fine."""
        admin = self.admin()
        for future in admin.delete_topics(list(names), operation_timeout=30).values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                    raise

    def create_all(self, partitions: int = 4, *, inputs: Mapping[str, str] | None = None) -> Topics:
        """Create every topic of a configuration under names that nothing else uses, dead-letter topics too.

        ``inputs`` are topic settings of predictions and feedback.
        """
        mark = uuid.uuid4().hex[:8]
        topics = Topics(
            predictions=f"predictions-{mark}",
            feedback=f"feedback-{mark}",
            alerts=f"alerts-{mark}",
            alerts_active=f"alerts-active-{mark}",
            metrics=f"metrics-{mark}",
            partitions=partitions,
            replication_factor=self.replication,
        )
        names = [topics.predictions, topics.feedback]
        self.create_topics(names, partitions, inputs)
        letters = [name + topics.dead_letter_suffix for name in names]
        self.create_topics([*letters, topics.alerts, topics.metrics], partitions)
        self.create_topics([topics.alerts_active], partitions, {"cleanup.policy": "compact"})
        return topics

    def log_tail(self) -> str:
        """The end of every node's log."""
        return "\n".join(node.log_tail() for node in self.nodes)
