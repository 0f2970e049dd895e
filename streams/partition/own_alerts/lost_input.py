"""Input that was lost before it was read (retention, a recreated topic) is an alert of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftbell.runtime.config.model import Config
from driftbell.schemas import LIVE, Alert
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.records import Input
from driftbell.streams.subject import Subject

#: The loss is a moment, not a state; the alert stays long enough for a person to see it, then closes.
SHOWN_MS = 10 * 60 * 1000

#: Alerts about driftbell itself carry this as their model.
SELF = "driftbell"


class LostInput:
    """The losses of one partition that are still shown, and the life of their alerts."""

    def __init__(self, partition: int, config: Config) -> None:
        self._partition = partition
        self._topics = config.topics
        self._settings = config.monitoring
        self._subject = Subject(SELF, "", LIVE)
        self._lifecycle = Lifecycle(config.monitoring)
        #: By input: what was lost; ``until_ms`` is set at the first tick after it.
        self._losses: dict[str, dict[str, Any]] = {}

    def note(self, source: Input, offset: int, available: int, reason: str) -> None:
        """Records from ``offset`` to ``available`` are gone; ``reason`` is ``retention`` or ``topic_recreated``."""
        self._losses[source.value] = {"offset": offset, "available": available, "reason": reason, "until_ms": None}

    def observe(self, now_ms: int) -> list[Alert]:
        """The transitions at a tick."""
        for name, loss in list(self._losses.items()):
            if loss["until_ms"] is None:
                loss["until_ms"] = now_ms + SHOWN_MS
            elif loss["until_ms"] <= now_ms:
                del self._losses[name]
        conditions = [self._condition(Input.named(name), loss) for name, loss in self._losses.items()]
        if not conditions and not self._lifecycle.active():
            return []
        return self._lifecycle.observe(self._subject, conditions, now_ms, settings=self._settings)

    def active(self) -> list[Alert]:
        """The alerts that fire now."""
        return self._lifecycle.active()

    def due_ms(self) -> int | None:
        """The stream time of the next tick that matters; 0 for the very next one."""
        due = [self._lifecycle.due_ms(), *(loss["until_ms"] or 0 for loss in self._losses.values())]
        return min((d for d in due if d is not None), default=None)

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            "losses": {name: dict(loss) for name, loss in self._losses.items()},
            "lifecycle": self._lifecycle.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._losses = {name: dict(loss) for name, loss in state["losses"].items()}
        self._lifecycle.restore(state["lifecycle"])

    def _condition(self, source: Input, loss: Mapping[str, Any]) -> Condition:
        topic = source.topic(self._topics)
        lost = max(0, loss["available"] - loss["offset"])
        if loss["reason"] == "topic_recreated":
            summary = (
                f"topic {topic} [{self._partition}] was recreated; the checkpoint was at offset {loss['offset']:,}"
            )
        else:
            summary = f"{lost:,} records of {topic} [{self._partition}] were deleted by retention before they were read"
        return Condition(
            alertname="InputLost",
            family=Family.HEALTH,
            severity="critical",
            reason=loss["reason"],
            metric="lost_records",
            value=float(lost),
            summary=summary,
            labels={"topic": topic, "partition": str(self._partition)},
        )
