"""The topics: what there should be, what there is, and the difference."""

from __future__ import annotations

from driftbell.streams.kafka.topic_plan import (
    ActualTopic,
    TopicFinding,
    TopicPlan,
    TopicProblem,
    findings,
    plan,
    settings_worth_showing,
)
from driftbell.topics.admin import Cluster, Created

__all__ = [
    "ActualTopic",
    "Cluster",
    "Created",
    "TopicFinding",
    "TopicPlan",
    "TopicProblem",
    "findings",
    "plan",
    "settings_worth_showing",
]
