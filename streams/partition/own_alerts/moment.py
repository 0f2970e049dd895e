"""What happened at a moment and is no state of things: its alert is shown long enough for a person to see it, then closes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from driftbell.runtime.config.model import Config
from driftbell.schemas import LIVE, Alert
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.subject import Subject

#: How long in stream time an alert about a moment is shown.
SHOWN_MS: Final = 10 * 60 * 1000

#: Alerts about driftbell itself carry this as their model.
SELF: Final = "driftbell"

_UNTIL: Final = "until_ms"


class Moments:
    """What happened lately in one partition, by name, and the life of the alerts about it.

    What is noted under a name takes the place of what was noted before; its alert then stays for another ``SHOWN_MS`` from the
    next tick on. A subclass says in ``_condition`` how it is told.
    """

    #: The field of the stored state that holds what is shown.
    stored_as = "shown"

    #: Every reason that its alerts may have. The values of a metric's label.
    reasons: ClassVar[tuple[str, ...]]

    def __init__(self, partition: int, config: Config) -> None:
        self._partition = partition
        self._topics = config.topics
        self._settings = config.monitoring
        self._subject = Subject(SELF, "", LIVE)
        self._lifecycle = Lifecycle(config.monitoring)
        #: By name: the facts, and until when they are shown (None until the first tick after it).
        self._shown: dict[str, dict[str, Any]] = {}

    def observe(self, now_ms: int) -> list[Alert]:
        """The transitions at a tick."""
        if not self._shown and not self._lifecycle.busy:
            return []
        for name, facts in list(self._shown.items()):
            if facts[_UNTIL] is None:
                facts[_UNTIL] = now_ms + SHOWN_MS
            elif facts[_UNTIL] <= now_ms:
                del self._shown[name]
        conditions = [self._condition(name, facts) for name, facts in self._shown.items()]
        if not conditions and not self._lifecycle.active():
            return []
        return self._lifecycle.observe(self._subject, conditions, now_ms, settings=self._settings)

    def active(self) -> list[Alert]:
        """The alerts that fire now."""
        return self._lifecycle.active()

    def due_ms(self) -> int | None:
        """The stream time of the next tick that matters; 0 for the very next one."""
        if not self._shown and not self._lifecycle.busy:
            return None
        due = [self._lifecycle.due_ms(), *(facts[_UNTIL] or 0 for facts in self._shown.values())]
        return min((d for d in due if d is not None), default=None)

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            self.stored_as: {name: dict(facts) for name, facts in self._shown.items()},
            "lifecycle": self._lifecycle.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._shown = {name: dict(facts) for name, facts in state[self.stored_as].items()}
        self._lifecycle.restore(state["lifecycle"])

    def _show(self, name: str, **facts: Any) -> None:
        self._shown[name] = facts | {_UNTIL: None}

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        raise NotImplementedError
