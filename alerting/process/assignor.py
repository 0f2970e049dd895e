"""One member of the consumer group gets every partition: the leader. The others stand by.

Decisions need all alerts of a group in one place, and alerts are few; so the group is not for sharing work but for
handing it over when the leader dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


def single_owner_assignor(leader_since: Callable[[], int]) -> type[AbstractPartitionAssignor]:
    """An assignor class for one consumer (aiokafka calls its methods on the class, so the state is in the closure).

    Args:
        leader_since: the generation in which this member was given the partitions; 0 when it stands by. It goes with the
            member's subscription as decimal text. The one of the highest generation keeps the partitions when another joins:
            a member that was frozen still believes that it leads, but in a lower one.
    """

    class SingleOwnerAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
        name = "driftbell-single-owner"
        version = 0

        @classmethod
        def assign(
            cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            owner = max(sorted(members), key=lambda member: int(members[member].user_data or b"0"))
            topics = sorted({topic for metadata in members.values() for topic in metadata.subscription})
            everything = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            return {
                member: ConsumerProtocolMemberAssignment(cls.version, everything if member == owner else [], b"")
                for member in members
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), b"%d" % leader_since())

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing to remember: whether we lead is the router's to know."""

    return SingleOwnerAssignor
