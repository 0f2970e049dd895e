"""Start-up checks: what would break a promise later is refused now, with the fix in the message."""

from __future__ import annotations

import asyncio
import enum
import logging
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from redis.exceptions import RedisClusterException, RedisError

from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import client_settings, consumer_settings
from driftbell.runtime.kafka.said import said
from driftbell.runtime.kafka.watermarks import watermarks
from driftbell.runtime.redis import RedisFinding, close, connect, examine, finding_of, is_memory
from driftbell.schemas.bad_record import BadRecord
from driftbell.streams.engine.timing.clock import SystemClock
from driftbell.streams.engine.timing.retry import Patience, retry
from driftbell.streams.errors import RefusedError
from driftbell.streams.kafka.topic_plan import INPUT_ROLES, ActualTopic, TopicFinding, TopicProblem, findings, plan
from driftbell.streams.partition.own_alerts.wrong_keys import explained
from driftbell.streams.partition.placement import Misplaced, Placement
from driftbell.streams.records import Input, Output

log = logging.getLogger(__name__)

#: How long Kafka and Redis may take to answer at start-up, in seconds; longer and the worker waits with a message.
ANSWER_SECONDS = 10.0

#: Latest records per partition whose key is held against the partitioner.
SAMPLED_RECORDS = 20


class Problem(enum.StrEnum):
    """What start-up found. The value is the log field and the metric label."""

    TOPIC_MISSING = "topic_missing"
    PARTITIONS_CHANGED = "partitions_changed"
    REDIS = "redis"
    KAFKA = "kafka"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem, in a sentence with its fix; ``fatal`` ones refuse the start."""

    problem: Problem | TopicProblem
    message: str
    fatal: bool = True


def check(config: Config) -> int | None:
    """Check Kafka and Redis as they are now; returns how many partitions the inputs have, None where that is not known.

    Raises:
        RefusedError: naming every fatal problem and its fix. Lesser ones are logged.
    """
    # Side by side, so that who started neither reads of both, and soon: without Kafka nobody waits for Redis.
    hopeless = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        redis = pool.submit(lambda: asyncio.run(_redis_findings(config, hopeless)))
        found, partitions = _kafka_findings(config)
        if any(finding.fatal for finding in found):
            hopeless.set()
        found = [*_port_findings(config), *redis.result(), *found]
    if partitions is not None and not any(finding.fatal for finding in found):
        found += asyncio.run(_remembered_partitions(config, partitions))
    for finding in found:
        if not finding.fatal:
            log.warning("%s: %s", finding.problem.value, finding.message)
    fatal = [finding for finding in found if finding.fatal]
    if fatal:
        raise RefusedError("\n".join(f"{finding.problem.value}: {finding.message}" for finding in fatal))
    return partitions


def refuse_added(config: Config, partitions: int | None, assigned: Iterable[int]) -> None:
    """Refuse partitions that were added while the worker ran: their models' state is in other partitions.

    Args:
        partitions: how many there were when the worker started; None: not known.
        assigned: those that the group has given us now.

    Raises:
        RefusedError: some are new; the message says what to do. No start would be let through either (``check``).
    """
    added = sorted(index for index in assigned if partitions is not None and index >= partitions)
    if added:
        raise RefusedError(
            f"{Problem.PARTITIONS_CHANGED.value}: partitions {added} were added to {config.topics.predictions} or "
            f"{config.topics.feedback} while this worker ran; there were {partitions}. Most models move away from "
            f"their state. Go on with a new worker.group (it learns from the beginning), or create the topics with "
            f"{partitions} partitions again"
        )


def _port_findings(config: Config) -> list[Finding]:
    """Another worker on this machine has the ops port; found out before Kafka gives this one partitions."""
    host, port = config.worker.http_host, config.worker.http_port
    if not port:
        return []
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        advice = "give this one another worker.http_port (0: any free one, null: none)"
        return [
            Finding(Problem.PORT, f"cannot listen on {host}:{port} ({error.strerror}): is a worker running? {advice}")
        ]
    return []


class _PassingError(Exception):
    """Redis is not ready, and may be soon."""

    def __init__(self, finding: RedisFinding) -> None:
        super().__init__(finding.fix)
        self.finding = finding


async def _redis_findings(config: Config, hopeless: threading.Event) -> list[Finding]:
    """What is wrong with Redis; one that may still come is waited for, unless the start is ``hopeless`` anyway."""
    if is_memory(config.redis):
        return []
    client = connect(config.redis)

    async def attempt() -> RedisFinding:
        finding = await examine(client)
        if finding.passing and not hopeless.is_set():
            raise _PassingError(finding)
        return finding

    try:
        found = await retry(
            attempt,
            Patience(SystemClock(), config.worker.checkpoint_patience),
            on=(_PassingError,),
            report=lambda error: log.warning("waiting for Redis: %s", error),
        )
    except _PassingError as error:
        found = error.finding
    finally:
        await close(client)
    return [_of_redis(found)] if found.fix else []


def _of_redis(found: RedisFinding) -> Finding:
    return Finding(Problem.REDIS, f"{found.reason.value}: {found.fix}", fatal=found.fatal)


async def _remembered_partitions(config: Config, partitions: int) -> list[Finding]:
    """State is kept by partition number, and a key's number depends on how many there are."""
    if is_memory(config.redis):
        return []
    client = connect(config.redis)
    try:
        key = f"driftbell:{config.worker.group}:partitions"
        await client.set(key, partitions, nx=True)
        # As a script, so that a user who may not run scripts is found out now and not at the first checkpoint.
        answer: Any = await client.eval("return redis.call('GET', KEYS[1])", 1, key)
        remembered = int(answer or partitions)
    except (RedisError, RedisClusterException, OSError) as error:
        return [_of_redis(finding_of(error))]
    finally:
        await close(client)
    if remembered == partitions:
        return []
    return [
        Finding(
            Problem.PARTITIONS_CHANGED,
            f"{config.topics.predictions} had {remembered} partitions when group {config.worker.group} began and has "
            f"{partitions} now: most models would move away from their state. Go on with a new worker.group (it learns from "
            f"the beginning), or create the topics with {remembered} partitions again",
        )
    ]


def _kafka_findings(config: Config) -> tuple[list[Finding], int | None]:
    """What is wrong with the topics, and how many partitions the inputs have."""
    topics = config.topics
    # Log level 2 is "critical": librdkafka would otherwise write a line for each of 20 connection attempts a second.
    admin = AdminClient(client_settings(config.kafka) | {"log_level": 2})
    try:
        known = admin.list_topics(timeout=ANSWER_SECONDS).topics
    except KafkaException as error:
        servers = config.kafka.get("bootstrap.servers")
        sentence = f"Kafka at {servers} does not answer: {said(error)}. Is kafka.bootstrap.servers right?"
        return [Finding(Problem.KAFKA, sentence)], None
    partitions = {name: len(known[name].partitions) for name in known}
    inputs = tuple(stream.topic(topics) for stream in Input)
    outputs = [output.topic(topics) for output in Output]
    letters = [stream.dead_letter_topic(topics) for stream in Input]
    missing = [name for name in (*inputs, *outputs, *letters) if not partitions.get(name)]
    if missing:
        if _creates_topics(admin, missing):
            return [], None
        advice = "run `driftbell topics create`, which is safe to repeat"
        return [Finding(Problem.TOPIC_MISSING, f"no topic {', '.join(missing)}: {advice}")], None
    found = [
        *_topic_findings(config, admin, partitions),
        *(
            Finding(one.reason, f"{one.topic} {one.problem}. Fix: {one.fix}", fatal=False)
            for one in foreign_keys(config, _sample(config, inputs, partitions), partitions)
        ),
    ]
    return found, partitions[topics.predictions]


def _creates_topics(admin: AdminClient, names: Iterable[str]) -> bool:
    """Ask for the topics by name: librdkafka's mock cluster makes them so, and brokers that create topics on demand."""
    found = [admin.list_topics(name, timeout=ANSWER_SECONDS).topics[name] for name in names]
    return all(topic.error is None and topic.partitions for topic in found)


def _topic_findings(config: Config, admin: AdminClient, partitions: Mapping[str, int]) -> list[Finding]:
    """The inputs against the rules that ``driftbell topics check`` goes by, too."""
    plans = [planned for planned in plan(config) if planned.role in INPUT_ROLES]
    resources = [ConfigResource(ResourceType.TOPIC, planned.name) for planned in plans]
    settings: dict[str, dict[str, str]] = {}
    try:
        for resource, answer in admin.describe_configs(resources).items():
            settings[resource.name] = {key: entry.value for key, entry in answer.result(ANSWER_SECONDS).items()}
    except (KafkaException, TimeoutError) as error:
        log.info("the topics' settings cannot be read (%s): retention is not checked", said(error))
        settings = {}
    actual = {
        planned.name: ActualTopic(planned.name, partitions[planned.name], 0, settings.get(planned.name, {}))
        for planned in plans
    }
    return [
        Finding(found.reason, f"{found.topic} {found.problem}. Fix: {found.fix}", fatal=found.fatal)
        for found in findings(plans, actual, horizon_ms=round(config.join.horizon * 1000))
    ]


def sampled_keys(config: Config) -> list[TopicFinding]:
    """What the keys of the latest records of the inputs say; nothing where the inputs are missing.

    Raises:
        KafkaException: the cluster does not answer.
    """
    admin = AdminClient(client_settings(config.kafka) | {"log_level": 2})
    known = admin.list_topics(timeout=ANSWER_SECONDS).topics
    partitions = {name: len(known[name].partitions) for name in known}
    inputs = tuple(stream.topic(config.topics) for stream in Input)
    if not all(partitions.get(name) for name in inputs):
        return []
    return foreign_keys(config, _sample(config, inputs, partitions), partitions)


def foreign_keys(config: Config, sample: Iterable[Message], partitions: Mapping[str, int]) -> list[TopicFinding]:
    """Records that do not lie where their model's name and murmur2 would have put them, one of each topic and reason."""
    found: dict[tuple[str, Misplaced], TopicFinding] = {}
    streams = {stream.topic(config.topics): stream for stream in Input}
    for message in sample:
        key, topic, partition, value = message.key(), message.topic(), message.partition(), message.value()
        if topic not in streams or partition is None or value is None:
            continue
        # Without its headers: confluent-kafka crashes on a name that is not UTF-8, and the model is in the value.
        (event,) = streams[topic].spec.decode([value], None)
        # Of what cannot be read the key may still be the name of its model.
        model = (key or b"").decode(errors="replace") if isinstance(event, BadRecord) else event.model
        if isinstance(event, BadRecord) and not key:
            continue
        placement = Placement(partition, partitions[topic], lambda name: config.monitoring_for(name).shards)
        why = placement.judge(key, model)
        if why is None or (isinstance(event, BadRecord) and why is not Misplaced.OTHER_PARTITIONER):
            continue
        problem, fix = explained(why, model[:80], key, partition, partitions[topic])
        found.setdefault((topic, why), TopicFinding(TopicProblem.WRONG_KEYS, topic, problem, fix))
    return list(found.values())


def _sample(config: Config, inputs: Sequence[str], partitions: Mapping[str, int]) -> list[Message]:
    """The latest records of every input partition, as far as they come at once."""
    consumer = Consumer(consumer_settings(config.kafka, f"{config.worker.group}-startup") | {"log_level": 2})
    try:
        tails: list[TopicPartition] = []
        for name in inputs:
            for partition in range(partitions[name]):
                _, end = watermarks(consumer, TopicPartition(name, partition), ANSWER_SECONDS)
                if end > 0:
                    tails.append(TopicPartition(name, partition, max(0, end - SAMPLED_RECORDS)))
        if not tails:
            return []
        consumer.assign(tails)
        return [m for m in consumer.consume(SAMPLED_RECORDS * len(tails), timeout=1.0) if m.error() is None]
    except KafkaException as error:
        log.info("no records could be sampled (%s): the partitioner is not checked", said(error))
        return []
    finally:
        consumer.close()
