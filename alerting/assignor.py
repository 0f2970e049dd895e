"""One member of the consumer group gets every partition: the active router. The others stand by.

Decisions need all alerts of a group in one place, and alerts are few; so the group is not for sharing work but for
handing it over when the active router dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

#: User data of a member that is active: it keeps the partitions when another joins.
_ACTIVE = b"active"


def single_owner_assignor(is_active: Callable[[], bool]) -> type[AbstractPartitionAssignor]:
    """An assignor class for one consumer (aiokafka calls its methods on the class, so the state is in the closure)."""

    class SingleOwnerAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
        name = "driftbell-single-owner"
        version = 0

        @classmethod
        def assign(
            cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            active = sorted(member for member, metadata in members.items() if metadata.user_data == _ACTIVE)
            owner = (active or sorted(members))[0]
            topics = sorted({topic for metadata in members.values() for topic in metadata.subscription})
            everything = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            return {
                member: ConsumerProtocolMemberAssignment(cls.version, everything if member == owner else [], b"")
                for member in members
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), _ACTIVE if is_active() else b"")

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing to remember: whether we are active is the router's to know."""

    return SingleOwnerAssignor
