"""State that could not be read when a partition was claimed is an alert of its own: what it was about begins again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftbell.runtime.config.model import Config
from driftbell.schemas import LIVE, Alert
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.lost_input import SELF, SHOWN_MS
from driftbell.streams.subject import Subject

#: Parts named in the sentence; the log names them all.
_NAMED: Final = 5


class LeftOut:
    """What was left out of the state of one partition, and the life of its alert."""

    def __init__(self, partition: int, config: Config) -> None:
        self._partition = partition
        self._settings = config.monitoring
        self._subject = Subject(SELF, "", LIVE)
        self._lifecycle = Lifecycle(config.monitoring)
        self._parts: list[str] = []
        self._count = 0
        #: When the alert ends; None until the first tick after the claim.
        self._until_ms: int | None = None

    def note(self, parts: Sequence[str]) -> None:
        """These parts of the state could not be read and begin again."""
        if parts:
            self._parts = [part[:200] for part in parts[:_NAMED]]
            self._count = len(parts)
            self._until_ms = None

    def observe(self, now_ms: int) -> list[Alert]:
        """The transitions at a tick."""
        if self._count and self._until_ms is None:
            self._until_ms = now_ms + SHOWN_MS
        elif self._until_ms is not None and self._until_ms <= now_ms:
            self._parts, self._count, self._until_ms = [], 0, None
        conditions = [self._condition()] if self._count else []
        if not conditions and not self._lifecycle.active():
            return []
        return self._lifecycle.observe(self._subject, conditions, now_ms, settings=self._settings)

    def active(self) -> list[Alert]:
        """The alert, while it fires."""
        return self._lifecycle.active()

    def due_ms(self) -> int | None:
        """The stream time of the next tick that matters; 0 for the very next one."""
        shown = (self._until_ms or 0) if self._count else None
        return min((due for due in (self._lifecycle.due_ms(), shown) if due is not None), default=None)

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            "parts": list(self._parts),
            "count": self._count,
            "until_ms": self._until_ms,
            "lifecycle": self._lifecycle.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._parts, self._count, self._until_ms = list(state["parts"]), state["count"], state["until_ms"]
        self._lifecycle.restore(state["lifecycle"])

    def _condition(self) -> Condition:
        more = f" and {self._count - len(self._parts):,} more" if self._count > len(self._parts) else ""
        return Condition(
            alertname="StateDamaged",
            family=Family.HEALTH,
            severity="critical",
            reason="state_unreadable",
            metric="damaged_states",
            value=float(self._count),
            summary=(
                f"parts of the state of partition {self._partition} could not be read and begin again: "
                f"{', '.join(self._parts)}{more}"
            ),
            labels={"partition": str(self._partition)},
        )
