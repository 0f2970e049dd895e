"""The topic plan: what is needed, and what is wrong with what exists."""

from __future__ import annotations

import pytest

from driftbell.runtime.config.model import Config, Join, Topics
from driftbell.topics import ActualTopic, TopicPlan, TopicProblem, findings, plan, settings_worth_showing

HORIZON_MS = 7 * 86_400_000


def as_planned(planned: TopicPlan) -> ActualTopic:
    return ActualTopic(planned.name, planned.partitions, 1, planned.settings)


@pytest.fixture
def actual() -> dict[str, ActualTopic]:
    """All topics exactly as the default configuration plans them."""
    return {planned.name: as_planned(planned) for planned in plan(Config())}


def found(actual: dict[str, ActualTopic]) -> list[tuple[TopicProblem, str]]:
    return [(finding.reason, finding.topic) for finding in findings(plan(Config()), actual, horizon_ms=HORIZON_MS)]


def test_the_inputs_have_equal_partitions_and_the_brokers_clock() -> None:
    predictions, feedback, *_ = plan(Config(topics=Topics(partitions=7)))

    assert predictions.partitions == feedback.partitions == 7
    assert predictions.settings["message.timestamp.type"] == "LogAppendTime"


def test_every_input_has_a_dead_letter_topic() -> None:
    names = [planned.name for planned in plan(Config(topics=Topics(dead_letter_suffix="-dlt")))]

    assert {"predictions-dlt", "feedback-dlt"} < set(names)


def test_what_fires_now_is_compacted_and_what_happened_is_not() -> None:
    policies = {planned.role: planned.settings["cleanup.policy"] for planned in plan(Config())}

    assert policies["alerts_active"] == "compact"
    assert policies["alerts"] == "delete"


def test_three_replicas_survive_the_loss_of_one() -> None:
    assert plan(Config(topics=Topics(replication_factor=3)))[0].settings["min.insync.replicas"] == "2"
    assert plan(Config(topics=Topics(replication_factor=1)))[0].settings["min.insync.replicas"] == "1"


def test_inputs_are_kept_at_least_as_long_as_labels_are_awaited() -> None:
    config = Config(join=Join(horizon=30 * 86400.0))

    assert int(plan(config)[0].settings["retention.ms"]) == 30 * 86_400_000


def test_what_was_created_as_planned_has_no_findings(actual: dict[str, ActualTopic]) -> None:
    assert found(actual) == []


def test_a_missing_topic_is_found(actual: dict[str, ActualTopic]) -> None:
    del actual["alerts"]

    assert found(actual) == [(TopicProblem.MISSING, "alerts")]


def test_unequal_partition_counts_are_found_at_the_topic_with_fewer(actual: dict[str, ActualTopic]) -> None:
    actual["predictions"] = ActualTopic("predictions", 6, 1, {"cleanup.policy": "delete"})

    assert found(actual) == [(TopicProblem.UNEQUAL_PARTITIONS, "predictions")]


def test_other_partition_counts_are_fine_when_they_are_equal(actual: dict[str, ActualTopic]) -> None:
    for name in ("predictions", "feedback"):
        actual[name] = ActualTopic(name, 96, 3, actual[name].settings)

    assert found(actual) == []


def test_a_compacted_input_is_found(actual: dict[str, ActualTopic]) -> None:
    actual["feedback"] = ActualTopic("feedback", 12, 1, {"cleanup.policy": "compact"})

    assert found(actual) == [(TopicProblem.COMPACTED, "feedback")]


def test_active_alerts_that_are_not_compacted_are_found(actual: dict[str, ActualTopic]) -> None:
    actual["alerts-active"] = ActualTopic("alerts-active", 1, 1, {"cleanup.policy": "delete"})

    assert found(actual) == [(TopicProblem.NOT_COMPACTED, "alerts-active")]


@pytest.mark.parametrize(
    ("retention_ms", "expected"),
    [("3600000", [(TopicProblem.SHORT_RETENTION, "predictions")]), (str(HORIZON_MS), []), ("-1", [])],
)
def test_a_retention_shorter_than_the_horizon_is_found(
    actual: dict[str, ActualTopic], retention_ms: str, expected: list[tuple[TopicProblem, str]]
) -> None:
    actual["predictions"] = ActualTopic("predictions", 12, 1, {"retention.ms": retention_ms})

    assert found(actual) == expected


def test_an_input_that_goes_by_its_producers_clocks_is_found_with_the_brokers_limits(
    actual: dict[str, ActualTopic],
) -> None:
    settings = {
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": "3600000",
        "message.timestamp.before.max.ms": str(2**63 - 1),
    }
    actual["feedback"] = ActualTopic("feedback", 12, 1, settings)
    (finding,) = findings(plan(Config()), actual, horizon_ms=HORIZON_MS)

    assert (finding.reason, finding.topic) == (TopicProblem.PRODUCERS_CLOCK, "feedback")
    assert "message.timestamp.type=CreateTime" in finding.problem
    assert "60 min ahead (message.timestamp.after.max.ms)" in finding.problem
    assert "any time behind (message.timestamp.before.max.ms)" in finding.problem
    assert "message.timestamp.type=LogAppendTime" in finding.fix


def test_outputs_may_go_by_any_clock(actual: dict[str, ActualTopic]) -> None:
    actual["alerts"] = ActualTopic("alerts", 1, 1, {"message.timestamp.type": "CreateTime"})

    assert found(actual) == []


def test_the_limits_on_timestamps_are_shown_where_they_decide_something() -> None:
    settings = {
        "retention.ms": "1",
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": "3600000",
    }
    predictions, *_, metrics = plan(Config())

    assert settings_worth_showing(predictions, ActualTopic("predictions", 1, 1, settings)) == settings
    settings["message.timestamp.type"] = "LogAppendTime"
    shown = settings_worth_showing(predictions, ActualTopic("predictions", 1, 1, settings))
    assert shown == {"retention.ms": "1", "message.timestamp.type": "LogAppendTime"}
    assert settings_worth_showing(metrics, ActualTopic("metrics", 1, 1, settings)) == {"retention.ms": "1"}
