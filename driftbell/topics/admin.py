"""Topic administration on a real cluster, through confluent-kafka's AdminClient."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from driftbell.errors import CommandError
from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import client_settings
from driftbell.streams.kafka.preflight import sampled_keys
from driftbell.streams.kafka.topic_plan import CHECKED_SETTINGS, ActualTopic, TopicFinding, TopicPlan

#: Seconds for one question to the cluster; a healthy one answers in milliseconds, one that elects a leader in seconds.
TIMEOUT = 15.0


class Created(enum.StrEnum):
    """What became of a topic that should be created."""

    CREATED = "created"
    EXISTED = "existed"


class Cluster:
    """The configured Kafka cluster, as seen by an administrator."""

    def __init__(self, config: Config) -> None:
        self.address = str(config.kafka.get("bootstrap.servers", ""))
        # Log level 2 is "critical": connection errors are reported once, by us, with what to do.
        self._admin = AdminClient(client_settings(config.kafka) | {"log_level": 2})

    def wrong_keys(self, config: Config) -> list[TopicFinding]:
        """What the keys of the latest records of the inputs say (a worker looks at them all the time).

        Raises:
            CommandError: the cluster cannot be reached.
        """
        try:
            return sampled_keys(config)
        except KafkaException as error:
            raise self._unreachable(error) from error

    def topics(self, names: Iterable[str]) -> dict[str, ActualTopic]:
        """Those of ``names`` that exist, with their settings.

        Raises:
            CommandError: the cluster cannot be reached, or does not let us look.
        """
        wanted = set(names)
        try:
            listed = self._admin.list_topics(timeout=TIMEOUT).topics
        except KafkaException as error:
            raise self._unreachable(error) from error
        found = {
            name: ActualTopic(name, len(topic.partitions), _replication_factor(topic))
            for name, topic in listed.items()
            if name in wanted and topic.error is None
        }
        settings = self._settings(found)
        return {
            name: ActualTopic(name, topic.partitions, topic.replication_factor, settings.get(name, {}))
            for name, topic in found.items()
        }

    def create(self, plans: Iterable[TopicPlan], replication_factor: int) -> Iterator[tuple[TopicPlan, Created]]:
        """Create what is missing; topics that exist are left as they are.

        Raises:
            CommandError: the cluster refuses; topics yielded before exist.
        """
        wanted = {planned.name: planned for planned in plans}
        new = [
            NewTopic(name, planned.partitions, replication_factor, config=dict(planned.settings))
            for name, planned in wanted.items()
        ]
        if not new:
            return  # confluent-kafka refuses an empty list
        for name, future in self._admin.create_topics(new, operation_timeout=TIMEOUT).items():
            try:
                future.result()
            except KafkaException as error:
                code = _error(error).code()
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self._refused(name, error) from error
                yield wanted[name], Created.EXISTED
            else:
                yield wanted[name], Created.CREATED

    def _settings(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}
        settings: dict[str, dict[str, str]] = {}
        for resource, future in self._admin.describe_configs(resources, request_timeout=TIMEOUT).items():
            try:
                entries = future.result()
            except KafkaException as error:
                raise CommandError(
                    f"Kafka at {self.address} does not describe topic {resource.name}: {_error(error).str()}",
                    "grant DescribeConfigs on the topics to this user",
                ) from error
            settings[resource.name] = {name: entries[name].value for name in CHECKED_SETTINGS if name in entries}
        return settings

    def _unreachable(self, error: KafkaException) -> CommandError:
        return CommandError(
            f"no answer from Kafka at {self.address}: {_error(error).str()}",
            "is it running, and are `kafka: bootstrap.servers` and the security settings right?",
        )

    def _refused(self, name: str, error: KafkaException) -> CommandError:
        fixes = {
            KafkaError.INVALID_REPLICATION_FACTOR: "lower topics.replication_factor, or add brokers",
            KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant Create on the topic to this user",
            KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant Create on the cluster to this user",
        }
        problem = _error(error)
        if problem.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
            return self._unreachable(error)
        return CommandError(f"Kafka refuses topic {name}: {problem.str()}", fixes.get(problem.code()))


def _error(error: KafkaException) -> Any:
    return error.args[0]


def _replication_factor(topic: Any) -> int:
    return max((len(partition.replicas) for partition in topic.partitions.values()), default=0)
