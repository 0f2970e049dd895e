"""State that could not be read when a partition was claimed is an alert of its own: what it was about begins again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.moment import Moments

#: Parts named in the sentence; the log names them all.
_NAMED: Final = 5

#: There is one alert for all parts.
_ALL: Final = "state"


class LeftOut(Moments):
    """What was left out of the state of one partition, and the life of its alert."""

    reasons = ("state_unreadable",)

    def note(self, parts: Sequence[str]) -> None:
        """These parts of the state could not be read and begin again."""
        if parts:
            self._show(_ALL, parts=[part[:200] for part in parts[:_NAMED]], count=len(parts))

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        facts = self._shown.get(_ALL, {"parts": [], "count": 0, "until_ms": None})
        return dict(facts) | {"lifecycle": self._lifecycle.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        facts = {name: state[name] for name in ("parts", "count", "until_ms")}
        super().restore({self.stored_as: {_ALL: facts} if facts["count"] else {}, "lifecycle": state["lifecycle"]})

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        parts, count = facts["parts"], facts["count"]
        more = f" and {count - len(parts):,} more" if count > len(parts) else ""
        return Condition(
            alertname="StateDamaged",
            family=Family.HEALTH,
            severity="critical",
            reason=self.reasons[0],
            metric="damaged_states",
            value=float(count),
            summary=(
                f"parts of the state of partition {self._partition} could not be read and begin again: "
                f"{', '.join(parts)}{more}"
            ),
            labels={"partition": str(self._partition)},
        )
