"""Start-up finds what would break a promise later, and says how to fix it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, ConfigEntry, NewPartitions

from driftbell.runtime.config.model import Config, Join, Redis, Topics, Worker
from driftbell.schemas import Prediction
from driftbell.schemas.codec import encode_prediction
from driftbell.streams.errors import RefusedError
from driftbell.streams.kafka import preflight as startup
from driftbell.streams.kafka.preflight import Problem, check, foreign_keys
from driftbell.streams.kafka.topic_plan import TopicProblem
from tests.services import EmbeddedBroker, KafkaCluster, RedisServer
from tests.services.ports import claim_port

MEMORY = Redis(url="memory://")


@dataclass(frozen=True)
class Place:
    """Where a record lies."""

    record_key: bytes | None
    record_partition: int
    name: str = "predictions"

    def value(self) -> bytes:
        name = (self.record_key or b"fraud").decode()
        return encode_prediction(Prediction(prediction_id="1", model=name, version="3", prediction=1))

    def headers(self) -> None:
        return None

    def key(self) -> bytes | None:
        return self.record_key

    def partition(self) -> int:
        return self.record_partition

    def topic(self) -> str:
        return self.name


def message(key: bytes | None, partition: int) -> Message[Any, Any]:
    return cast("Message[Any, Any]", Place(key, partition))


def murmur2_partition(key: bytes, partitions: int) -> int:
    """Java's default partitioner, as Kafka's documentation of ``BuiltInPartitioner`` has it."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


# ---- the partitioner


def test_keys_where_murmur2_puts_them_are_at_home() -> None:
    keys = [f"model-{i}".encode() for i in range(50)]
    sample = [message(key, murmur2_partition(key, 12)) for key in keys]

    assert foreign_keys(Config(), sample, {"predictions": 12}) == []


def test_a_key_that_lies_elsewhere_is_told_with_its_fix() -> None:
    key = b"fraud"
    elsewhere = (murmur2_partition(key, 12) + 1) % 12
    (finding,) = foreign_keys(Config(), [message(key, elsewhere)], {"predictions": 12})

    assert finding.reason is TopicProblem.WRONG_KEYS
    assert not finding.fatal
    assert "partitioner=murmur2_random" in finding.fix
    assert f"partition {elsewhere}, murmur2 says {murmur2_partition(key, 12)}" in finding.problem


def test_records_without_a_key_are_told_once() -> None:
    (finding,) = foreign_keys(Config(), [message(None, 3), message(b"", 5)], {"predictions": 12})
    assert "without a key" in finding.problem
    assert "set the key to the model's name" in finding.fix


def test_with_one_partition_every_key_is_as_good() -> None:
    assert foreign_keys(Config(), [message(None, 0)], {"predictions": 1}) == []


def test_the_hash_is_javas() -> None:
    # From Kafka's own UtilsTest.testMurmur2.
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}

    assert {key: murmur2(key) & 0xFFFFFFFF for key in known} == {k: h & 0xFFFFFFFF for k, h in known.items()}


# ---- Kafka


@pytest.fixture
def config(kafka: KafkaCluster) -> Config:
    """A configuration whose topics exist and are right; its Redis is in memory."""
    topics = kafka.create_all(partitions=3, inputs=BROKERS_CLOCK)
    return Config(kafka=dict(kafka.settings), redis=MEMORY, topics=topics, worker=Worker(group=topics.predictions))


#: As ``driftbell topics create`` sets it.
BROKERS_CLOCK = {"message.timestamp.type": "LogAppendTime"}

#: As the brokers count them.
PARTITIONS = {"predictions": 3, "feedback": 3}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.kafka
def test_topics_that_are_right_are_passed_in_silence(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    check(config)

    assert warnings(caplog) == []


@pytest.mark.kafka
def test_every_missing_topic_is_named(kafka: KafkaCluster, config: Config) -> None:
    gone = [config.topics.metrics, config.topics.feedback + config.topics.dead_letter_suffix]
    kafka.delete_topics(gone)

    with pytest.raises(RefusedError, match=r"topic_missing: .*driftbell topics create") as refused:
        check(config)
    assert all(name in str(refused.value) for name in gone)


@pytest.mark.kafka
def test_all_that_is_wrong_with_the_inputs_is_told_at_once(kafka: KafkaCluster) -> None:
    topics = kafka.create_all(partitions=3, inputs=BROKERS_CLOCK)
    made = Topics(**{**{f: getattr(topics, f) for f in topics.__struct_fields__}, "feedback": topics.feedback + "-2"})
    settings = BROKERS_CLOCK | {"cleanup.policy": "compact", "retention.ms": "60000"}
    kafka.create_topics([made.feedback], 4, settings)
    kafka.create_topics([made.feedback + made.dead_letter_suffix], 4)

    with pytest.raises(RefusedError) as refused:
        check(Config(kafka=dict(kafka.settings), redis=MEMORY, topics=made))
    lines = dict(line.split(": ", 1) for line in str(refused.value).splitlines())
    assert lines.keys() == {TopicProblem.UNEQUAL_PARTITIONS, TopicProblem.COMPACTED, TopicProblem.SHORT_RETENTION}
    assert "3 partitions" in lines[TopicProblem.UNEQUAL_PARTITIONS]
    assert "has 4" in lines[TopicProblem.UNEQUAL_PARTITIONS]
    assert "cleanup.policy=delete" in lines[TopicProblem.COMPACTED]
    assert "retention.ms" in lines[TopicProblem.SHORT_RETENTION]


@pytest.mark.kafka
def test_a_retention_below_the_horizon_is_a_warning(kafka: KafkaCluster, caplog: pytest.LogCaptureFixture) -> None:
    topics = kafka.create_all(partitions=3, inputs=BROKERS_CLOCK)
    week = Join(horizon=30 * 86400.0)
    check(Config(kafka=dict(kafka.settings), redis=MEMORY, topics=topics, join=week))

    found = warnings(caplog)
    assert len(found) == 2
    assert all(text.startswith(f"{TopicProblem.SHORT_RETENTION}: ") for text in found)


@pytest.mark.kafka
def test_a_producer_with_librdkafkas_own_partitioner_is_found(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    producer = Producer(dict(config.kafka))
    for number in range(30):
        producer.produce(config.topics.predictions, b"{}", f"model-{number}".encode())
    assert producer.flush(30) == 0
    check(config)

    (found,) = warnings(caplog)
    assert found.startswith(f"{TopicProblem.WRONG_KEYS}: ")
    assert "partitioner=murmur2_random" in found


@pytest.mark.kafka
def test_partitions_added_since_the_group_began_are_refused(
    kafka: KafkaCluster, config: Config, redis_url: str
) -> None:
    stored = Config(kafka=config.kafka, redis=Redis(url=redis_url), topics=config.topics, worker=config.worker)
    check(stored)
    check(stored)
    new = [NewPartitions(name, 5) for name in (config.topics.predictions, config.topics.feedback)]
    admin = kafka.admin()
    for future in admin.create_partitions(new).values():
        future.result(30)

    with pytest.raises(RefusedError, match=r"partitions_changed: .* had 3 partitions .* has 5 now"):
        check(stored)
    check(Config(kafka=config.kafka, redis=stored.redis, topics=config.topics, worker=Worker(group="another")))


def test_a_broker_that_makes_topics_on_demand_is_taken_as_it_is(
    embedded_broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    check(Config(kafka=dict(embedded_broker.settings), redis=MEMORY))

    assert warnings(caplog) == []


def test_a_kafka_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "ANSWER_SECONDS", 0.5)
    server = f"127.0.0.1:{claim_port()}"

    with pytest.raises(RefusedError, match=rf"Kafka at {server} does not answer: .*kafka.bootstrap.servers right\?"):
        check(Config(kafka={"bootstrap.servers": server}, redis=MEMORY))


def test_topic_settings_that_may_not_be_read_are_not_held_against_the_topics(
    embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(kafka=dict(embedded_broker.settings), redis=MEMORY)
    check(config)
    monkeypatch.setattr(startup, "ANSWER_SECONDS", 0.2)

    assert startup._topic_findings(config, AdminClient(dict(embedded_broker.settings)), PARTITIONS) == []


@pytest.mark.parametrize(
    ("entries", "problems"),
    [
        ({"cleanup.policy": "delete", "retention.ms": "-1"}, []),
        ({"cleanup.policy": "delete", "retention.ms": "604800000"}, []),
        ({"cleanup.policy": "compact,delete", "retention.ms": "-1"}, [TopicProblem.COMPACTED]),
        ({"cleanup.policy": "delete", "retention.ms": "3599999"}, [TopicProblem.SHORT_RETENTION]),
        ({}, []),
    ],
)
def test_policies_are_judged_by_their_values(entries: dict[str, str], problems: list[TopicProblem]) -> None:
    class Answer:
        def result(self, _timeout: float) -> dict[str, ConfigEntry]:
            return {name: ConfigEntry(name, value) for name, value in entries.items()}

    class Admin:
        def describe_configs(self, resources: list[Any]) -> dict[Any, Answer]:
            return {resources[0]: Answer()}

    findings = startup._topic_findings(Config(), cast(AdminClient, Admin()), PARTITIONS)

    assert [finding.problem for finding in findings if finding.fatal] == problems


# ---- Redis


@pytest.fixture
def refused(embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Checks with a Redis as given, and returns the refusal."""
    monkeypatch.setattr(startup, "_kafka_findings", lambda _config: ([], 3))

    def refusal(**settings: Any) -> str:
        with pytest.raises(RefusedError) as caught:
            check(Config(redis=Redis(**settings), worker=Worker(checkpoint_patience=0.1)))
        return str(caught.value)

    return refusal


def test_a_redis_that_evicts_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    with RedisServer(tmp_path, options={"maxmemory-policy": "allkeys-lru"}) as server:
        assert refused(url=server.url).startswith("redis: eviction_enabled: maxmemory-policy is allkeys-lru")


def test_a_redis_that_is_gone_is_waited_for_and_then_refused(refused: Callable[..., str]) -> None:
    assert refused(url=f"redis://127.0.0.1:{claim_port()}/0").startswith("redis: unreachable: ")


@pytest.mark.parametrize("commands", [["+info"], ["+info", "+set", "+get"]], ids=["no set", "no scripts"])
def test_a_user_without_the_rights_is_refused_with_a_sentence(
    tmp_path: Path, refused: Callable[..., str], commands: list[str]
) -> None:
    with RedisServer(tmp_path) as server:
        with server.client() as admin:
            admin.acl_setuser("narrow", enabled=True, passwords=["+pw"], commands=commands, keys=["*"])
        text = refused(url=server.url, username="narrow", password="pw")

    assert text.startswith("redis: no_permission: ")
    assert "docs/operations.md" in text


def test_a_wrong_password_is_refused_with_a_sentence(tmp_path: Path, refused: Callable[..., str]) -> None:
    with RedisServer(tmp_path, password="s3cret") as server:
        assert refused(url=f"redis://127.0.0.1:{server.port}/0", password="no").startswith("redis: auth_failed: ")


def test_a_redis_without_an_append_only_file_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(startup, "_kafka_findings", lambda _config: ([], 3))
    with RedisServer(tmp_path, options={"appendonly": "no"}) as server:
        check(Config(redis=Redis(url=server.url)))

    (found,) = warnings(caplog)
    assert found.startswith("redis: not_durable: ")


def test_every_problem_has_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")

    assert [problem for problem in Problem if f"Problem.{problem.name}" not in text and problem.value not in text] == []
