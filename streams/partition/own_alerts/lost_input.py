"""Input that was lost before it was read, or after (retention, a recreated topic, a lost tail), is an alert of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.records import Input


class LostInput(Moments):
    """The losses of one partition that are still shown, by input, and the life of their alerts."""

    stored_as = "losses"
    reasons = tuple(loss.value for loss in Loss)

    def note(self, source: Input, offset: int, available: int, reason: str) -> None:
        """Read up to ``offset``, the input goes on at ``available``; ``reason`` is one of ``alerts.reasons.Loss``."""
        self._show(source.value, offset=offset, available=available, reason=reason)

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        topic = Input.named(name).topic(self._topics)
        lost = max(0, facts["available"] - facts["offset"])
        if facts["reason"] == Loss.TOPIC_RECREATED:
            summary = (
                f"topic {topic} [{self._partition}] was recreated; the checkpoint was at offset {facts['offset']:,}"
            )
        elif facts["reason"] == Loss.TAIL_LOST:
            lost = max(0, facts["offset"] - facts["available"])
            summary = (
                f"{lost:,} records of {topic} [{self._partition}] that had been read are gone from Kafka, from offset "
                f"{facts['available']:,} on: a replica without them became the leader. New records take their offsets and "
                f"are read; what the state has counted of the lost ones stays in it"
            )
        else:
            summary = f"{lost:,} records of {topic} [{self._partition}] were deleted by retention before they were read"
        return Condition(
            alertname="InputLost",
            family=Family.HEALTH,
            severity="critical",
            reason=facts["reason"],
            metric="lost_records",
            value=float(lost),
            summary=summary,
            labels={"topic": topic, "partition": str(self._partition)},
        )
