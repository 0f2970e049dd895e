"""Who of a group's routers is the active one."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata

from driftbell.alerting.process.assignor import single_owner_assignor


class Topic(ClusterMetadata):  # type: ignore[misc]
    """A cluster with one topic of two partitions."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1}


def subscription(generation: int) -> Any:
    """That of a member that was last active in this generation."""
    return single_owner_assignor(lambda: generation).metadata(["alerts"])


def given(**leader_since: int) -> dict[str, Any]:
    """What each member is given, by name."""
    members = {name: subscription(generation) for name, generation in leader_since.items()}
    assigned = single_owner_assignor(lambda: 0).assign(Topic(), members)
    return {name: assignment.assignment for name, assignment in assigned.items()}


EVERYTHING = [("alerts", [0, 1])]


@pytest.mark.parametrize(
    ("members", "owner"),
    [
        ({"a": 0}, "a"),
        ({"a": 0, "b": 0}, "a"),
        ({"a": 0, "b": 7}, "b"),
        ({"a": 7, "b": 8}, "b"),
        ({"a": 9, "b": 10}, "b"),
        ({"a": 8, "b": 7, "c": 0}, "a"),
    ],
    ids=["alone", "both new", "one is active", "one was frozen", "numbers, not text", "the other was frozen"],
)
def test_who_was_given_the_partitions_last_keeps_them_all(members: dict[str, int], owner: str) -> None:
    assert given(**members) == {name: EVERYTHING if name == owner else [] for name in members}
