"""How many predictions, failures and labels a window has."""

from __future__ import annotations

from typing import Any, ClassVar

from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.family import LabelColumns, MetricFamily, PredictionColumns, Values


class Volume(MetricFamily):
    """``failures``, ``failure_rate``, ``label_coverage``."""

    key: ClassVar[str] = "v"

    def __init__(self) -> None:
        self.count = 0
        self.labelled = 0
        self._failures = 0

    def on_predictions(self, columns: PredictionColumns, answers: Answers) -> None:
        """Count."""
        self.count += len(columns)
        self._failures += columns.failures

    def on_labels(self, columns: LabelColumns, answers: Answers) -> None:
        """Count first labels."""
        self.labelled += columns.firsts

    def values(self, answers: Answers) -> Values:
        """The rates."""
        if not self.count:
            return {}
        return {
            "failures": float(self._failures),
            "failure_rate": self._failures / self.count,
            "label_coverage": self.labelled / self.count,
        }

    def state(self) -> Any:
        """Three counts."""
        return [self.count, self.labelled, self._failures]

    def restore(self, state: Any) -> None:
        """Continue from ``state``."""
        self.count, self.labelled, self._failures = state
