"""Input that was lost before it was read (retention, a recreated topic) is an alert of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.records import Input


class LostInput(Moments):
    """The losses of one partition that are still shown, by input, and the life of their alerts."""

    stored_as = "losses"

    def note(self, source: Input, offset: int, available: int, reason: str) -> None:
        """Records from ``offset`` to ``available`` are gone; ``reason`` is ``retention`` or ``topic_recreated``."""
        self._show(source.value, offset=offset, available=available, reason=reason)

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        topic = Input.named(name).topic(self._topics)
        lost = max(0, facts["available"] - facts["offset"])
        if facts["reason"] == "topic_recreated":
            summary = (
                f"topic {topic} [{self._partition}] was recreated; the checkpoint was at offset {facts['offset']:,}"
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
