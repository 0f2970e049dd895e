"""The topics that driftbell needs, and what may be wrong with those that exist. Pure: no broker is asked here."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.runtime.config.model import Config

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

_INPUTS = ("predictions", "feedback")

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


class FindingReason(enum.StrEnum):
    """What is wrong with a topic."""

    MISSING = "missing"
    UNEQUAL_PARTITIONS = "unequal_partitions"
    NOT_COMPACTED = "not_compacted"
    COMPACTED = "compacted"
    SHORT_RETENTION = "short_retention"
    PRODUCERS_CLOCK = "producers_clock"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and how to fix it."""

    reason: FindingReason
    topic: str
    problem: str
    fix: str


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
    suffix = topics.dead_letter_suffix
    return [
        TopicPlan("predictions", topics.predictions, topics.partitions, inputs),
        TopicPlan("feedback", topics.feedback, topics.partitions, inputs),
        TopicPlan("predictions dead letters", topics.predictions + suffix, topics.partitions, dead),
        TopicPlan("feedback dead letters", topics.feedback + suffix, topics.partitions, dead),
        TopicPlan("alerts", topics.alerts, ALERT_PARTITIONS, outputs),
        TopicPlan("alerts_active", topics.alerts_active, ALERT_PARTITIONS, durable | {"cleanup.policy": "compact"}),
        TopicPlan("metrics", topics.metrics, topics.partitions, outputs),
    ]


def findings(plans: Sequence[TopicPlan], actual: Mapping[str, ActualTopic], *, horizon_ms: int) -> Iterator[Finding]:
    """What keeps driftbell from working as promised. Other partition counts than planned are fine where they are equal."""
    for planned in plans:
        topic = actual.get(planned.name)
        if topic is None:
            yield Finding(
                FindingReason.MISSING,
                planned.name,
                "does not exist",
                "run `driftbell topics create`, or create it yourself",
            )
            continue
        yield from _settings(planned, topic, horizon_ms)
    yield from _co_partitioning(plans, actual)


def _co_partitioning(plans: Sequence[TopicPlan], actual: Mapping[str, ActualTopic]) -> Iterator[Finding]:
    names = {planned.role: planned.name for planned in plans}
    predictions, feedback = actual.get(names["predictions"]), actual.get(names["feedback"])
    if predictions is None or feedback is None or predictions.partitions == feedback.partitions:
        return
    fewer, more = sorted((predictions, feedback), key=lambda topic: topic.partitions)
    yield Finding(
        FindingReason.UNEQUAL_PARTITIONS,
        fewer.name,
        f"has {fewer.partitions} partitions and {more.name} has {more.partitions}; a label and its prediction would be "
        "processed by different workers",
        f"before the first worker starts: kafka-topics.sh --alter --topic {fewer.name} --partitions {more.partitions}",
    )


def _settings(planned: TopicPlan, topic: ActualTopic, horizon_ms: int) -> Iterator[Finding]:
    alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config"
    policy = topic.settings.get("cleanup.policy", "delete")
    wanted = planned.settings.get("cleanup.policy", "delete")
    if wanted == "compact" and "compact" not in policy:
        yield Finding(
            FindingReason.NOT_COMPACTED,
            topic.name,
            "is not compacted, so what still fires is forgotten when its record expires",
            f"{alter} cleanup.policy=compact",
        )
    if wanted == "delete" and "compact" in policy:
        yield Finding(
            FindingReason.COMPACTED,
            topic.name,
            "is compacted, and its records share a key per model, so all but the last would be deleted",
            f"{alter} cleanup.policy=delete",
        )
    retention_ms = int(topic.settings.get("retention.ms", -1))
    if planned.role in _INPUTS and 0 <= retention_ms < horizon_ms:
        yield Finding(
            FindingReason.SHORT_RETENTION,
            topic.name,
            f"keeps records for {retention_ms / _DAY_MS:g} days, less than join.horizon ({horizon_ms / _DAY_MS:g} days); "
            "after a long outage labels would come without their predictions",
            f"{alter} retention.ms={horizon_ms}, or lower join.horizon",
        )
    clock = topic.settings.get("message.timestamp.type", _BROKERS_CLOCK)
    if planned.role in _INPUTS and clock != _BROKERS_CLOCK:
        ahead, behind = (_limit(topic, f"message.timestamp.{side}.max.ms") for side in ("after", "before"))
        yield Finding(
            FindingReason.PRODUCERS_CLOCK,
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
        if (about_time and planned.role not in _INPUTS) or (limit and clock == _BROKERS_CLOCK):
            del settings[name]
    return settings
