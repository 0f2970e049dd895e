"""Models beyond those for which a partition has room are an alert of their own: their events are dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from driftbell.runtime.config.model import Config
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.partition.crowd import ModelNames
from driftbell.streams.partition.own_alerts.moment import SHOWN_MS, Moments

#: There is one alert for all names.
_ALL: Final = "models"


class TooManyModels(Moments):
    """Which models have no room in one partition, and the life of their alert."""

    reasons = (ModelNames.reason,)

    def __init__(self, partition: int, config: Config) -> None:
        super().__init__(partition, config)
        self._limit = config.worker.max_models_per_partition
        self._crowd = self._begun()

    def _begun(self) -> ModelNames:
        return ModelNames(SHOWN_MS, self._limit)

    def note(self, name: str, now_ms: int) -> None:
        """An event came of a model for which there is no room."""
        if _ALL not in self._shown:
            self._crowd = self._begun()
        self._crowd.note(name, now_ms)
        self._show(_ALL)

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        # Without the partition: a mistaken producer reaches all of them, which is one problem.
        return self._crowd.condition()

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return super().state() | ({"crowd": self._crowd.state()} if self._shown else {})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        super().restore(state)
        if "crowd" in state:
            self._crowd.restore(state["crowd"])
