"""The topics that driftbell needs, and what may be wrong with those that exist. Pure: no broker is asked here."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.runtime.config.model import Config
from driftbell.streams.records import Input

_DAY_MS = 86_400_000

#: An outage of a long weekend plus its repair must not lose input; Kafka's own default is the same seven days.
INPUT_RETENTION_MS = 7 * _DAY_MS
#: Outputs are small; a month lets a post-mortem read the alerts and metrics of the incident before this one.
OUTPUT_RETENTION_MS = 30 * _DAY_MS
#: Dead letters wait for a person.
DEAD_LETTER_RETENTION_MS = 30 * _DAY_MS

#: Alerts are few, and one partition keeps one router active and the others standing by (docs/architecture.md).
ALERT_PARTITIONS = 1

#: The settings that ``findings`` looks at.
CHECKED_SETTINGS = (
    "cleanup.policy",
    "retention.ms",
    "message.timestamp.type",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
)

#: An outage that nobody notices for an hour must not lose input; with less a worker does not start.
OUTAGE_MS = 3_600_000

#: The roles of the topics that workers read.
INPUT_ROLES = frozenset(stream.value for stream in Input)

#: By whose clock a topic's records are stamped.
_BROKERS_CLOCK = "LogAppendTime"
#: From here on a limit on timestamps is none: Kafka's own "none" is the largest 64-bit integer.
_NO_LIMIT_MS = 100 * 365 * _DAY_MS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it should be. ``role`` is its name in the configuration (``topics.<role>``)."""

    role: str
    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActualTopic:
    """A topic as the broker describes it."""

    name: str
    partitions: int
    replication_factor: int
    settings: Mapping[str, str] = field(default_factory=dict)


class TopicProblem(enum.StrEnum):
    """What is wrong with a topic."""

    MISSING = "missing"
    UNEQUAL_PARTITIONS = "unequal_partitions"
    NOT_COMPACTED = "not_compacted"
    COMPACTED = "compacted"
    SHORT_RETENTION = "short_retention"
    PRODUCERS_CLOCK = "producers_clock"
    #: Found in its records, not in its settings.
    WRONG_KEYS = "wrong_keys"


@dataclass(frozen=True, slots=True)
class TopicFinding:
    """One thing that is wrong, and how to fix it."""

    reason: TopicProblem
    topic: str
    problem: str
    fix: str
    #: Whether a worker refuses to start.
    fatal: bool = False


def plan(config: Config) -> list[TopicPlan]:
    """Every topic, inputs first."""
    topics = config.topics
    # A broker refuses writes that fewer replicas than this have taken; with three copies one may be down.
    durable = {"min.insync.replicas": "2" if topics.replication_factor >= 3 else "1"}
    kept = durable | {"cleanup.policy": "delete"}
    inputs = kept | {
        "retention.ms": str(max(INPUT_RETENTION_MS, round(config.join.horizon * 1000))),
        # The merge of the two inputs goes by record time; the broker's clock is one, the producers' are many.
        "message.timestamp.type": _BROKERS_CLOCK,
    }
    outputs = kept | {"retention.ms": str(OUTPUT_RETENTION_MS)}
    dead = kept | {"retention.ms": str(DEAD_LETTER_RETENTION_MS)}
    return [
        *(TopicPlan(stream.value, stream.topic(topics), topics.partitions, inputs) for stream in Input),
        *(
            TopicPlan(f"{stream.value} dead letters", stream.dead_letter_topic(topics), topics.partitions, dead)
            for stream in Input
        ),
        TopicPlan("alerts", topics.alerts, ALERT_PARTITIONS, outputs),
        TopicPlan("alerts_active", topics.alerts_active, ALERT_PARTITIONS, durable | {"cleanup.policy": "compact"}),
        TopicPlan("metrics", topics.metrics, topics.partitions, outputs),
    ]


def findings(
    plans: Sequence[TopicPlan], actual: Mapping[str, ActualTopic], *, horizon_ms: int
) -> Iterator[TopicFinding]:
    """What keeps driftbell from working as promised. Other partition counts than planned are fine where they are equal."""
    for planned in plans:
        topic = actual.get(planned.name)
        if topic is None:
            yield TopicFinding(
                TopicProblem.MISSING,
                planned.name,
                "does not exist",
                "run `driftbell topics create`, which is safe to repeat, or create it yourself",
                fatal=True,
            )
            continue
        yield from _settings(planned, topic, horizon_ms)
    yield from _co_partitioning(plans, actual)


def _co_partitioning(plans: Sequence[TopicPlan], actual: Mapping[str, ActualTopic]) -> Iterator[TopicFinding]:
    merged = {stream.value for stream in Input if stream.spec.merged}
    found = [actual[planned.name] for planned in plans if planned.role in merged and planned.name in actual]
    if len({topic.partitions for topic in found}) <= 1:
        return
    found.sort(key=lambda topic: topic.partitions)
    fewer, more = found[0], found[-1]
    yield TopicFinding(
        TopicProblem.UNEQUAL_PARTITIONS,
        fewer.name,
        f"has {fewer.partitions} partitions and {more.name} has {more.partitions}; a label and its prediction would be "
        "processed by different workers",
        f"before the first worker starts: kafka-topics.sh --alter --topic {fewer.name} --partitions {more.partitions}; "
        "later, create the inputs again with the same number (`driftbell topics create`) and use a new worker.group",
        fatal=True,
    )


def _settings(planned: TopicPlan, topic: ActualTopic, horizon_ms: int) -> Iterator[TopicFinding]:
    alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config"
    policy = topic.settings.get("cleanup.policy", "delete")
    wanted = planned.settings.get("cleanup.policy", "delete")
    if wanted == "compact" and "compact" not in policy:
        yield TopicFinding(
            TopicProblem.NOT_COMPACTED,
            topic.name,
            "is not compacted, so what still fires is forgotten when its record expires",
            f"{alter} cleanup.policy=compact",
        )
    if wanted == "delete" and "compact" in policy:
        yield TopicFinding(
            TopicProblem.COMPACTED,
            topic.name,
            "is compacted, and its records share a key per model, so all but the last would be deleted",
            f"{alter} cleanup.policy=delete",
            fatal=planned.role in INPUT_ROLES,
        )
    retention_ms = int(topic.settings.get("retention.ms", -1))
    if planned.role in INPUT_ROLES and 0 <= retention_ms < OUTAGE_MS:
        yield TopicFinding(
            TopicProblem.SHORT_RETENTION,
            topic.name,
            f"keeps records for {retention_ms / 1000:.0f} s: an outage longer than that loses input",
            f"{alter} retention.ms={planned.settings.get('retention.ms', INPUT_RETENTION_MS)}",
            fatal=True,
        )
    elif planned.role in INPUT_ROLES and 0 <= retention_ms < horizon_ms:
        yield TopicFinding(
            TopicProblem.SHORT_RETENTION,
            topic.name,
            f"keeps records for {retention_ms / _DAY_MS:g} days, less than join.horizon ({horizon_ms / _DAY_MS:g} days): "
            "after a long outage labels would come without their predictions, and state lost in Redis could not be rebuilt",
            f"{alter} retention.ms={horizon_ms}, or lower join.horizon",
        )
    clock = topic.settings.get("message.timestamp.type", _BROKERS_CLOCK)
    if planned.role in INPUT_ROLES and clock != _BROKERS_CLOCK:
        ahead, behind = (_limit(topic, f"message.timestamp.{side}.max.ms") for side in ("after", "before"))
        yield TopicFinding(
            TopicProblem.PRODUCERS_CLOCK,
            topic.name,
            f"is stamped by its producers' clocks (message.timestamp.type={clock}), which the brokers let lie {ahead} ahead "
            f"(message.timestamp.after.max.ms) and {behind} behind (message.timestamp.before.max.ms); the order of records "
            "follows those clocks, and what lies ahead of ours is taken out of its order (docs/engine.md)",
            f"{alter} message.timestamp.type={_BROKERS_CLOCK}",
        )


def _limit(topic: ActualTopic, setting: str) -> str:
    """A limit on timestamps, for people."""
    try:
        limit_ms = int(topic.settings[setting])
    except (KeyError, ValueError):
        return "an unknown time"
    return "any time" if limit_ms >= _NO_LIMIT_MS else f"{limit_ms / 60_000:g} min"


def settings_worth_showing(planned: TopicPlan, topic: ActualTopic) -> dict[str, str]:
    """The settings that decide something: whose clock stamps records, and its limits, where the topic is an input."""
    settings = dict(topic.settings)
    clock = settings.get("message.timestamp.type")
    for name in topic.settings:
        about_time = name.startswith("message.timestamp.")
        limit = about_time and name.endswith(".max.ms")
        if (about_time and planned.role not in INPUT_ROLES) or (limit and clock == _BROKERS_CLOCK):
            del settings[name]
    return settings
