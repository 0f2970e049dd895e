"""The topics: what there should be, what there is, and the difference."""

from __future__ import annotations

from driftbell.topics.admin import Cluster, Created
from driftbell.topics.plan import (
    ActualTopic,
    Finding,
    FindingReason,
    TopicPlan,
    findings,
    plan,
    settings_worth_showing,
)

__all__ = [
    "ActualTopic",
    "Cluster",
    "Created",
    "Finding",
    "FindingReason",
    "TopicPlan",
    "findings",
    "plan",
    "settings_worth_showing",
]
