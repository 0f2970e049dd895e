"""What a history holds, found by reading it once: the reference, the length of a window and the looks are fitted to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from driftbell.history import HistoryRecord

Key = tuple[str, str, str]


class _Event(msgspec.Struct, gc=False):
    """The fields that say whose event it is; anything else, and anything wrong, is the core's business."""

    model: Any = None
    version: Any = None
    variant: Any = "live"


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(slots=True)
class Survey:
    """Counts by model and subject, and the times between which it all happened (epoch milliseconds)."""

    #: Predictions by (model, version, variant).
    predictions: Counter[Key] = field(default_factory=Counter)
    #: Labels by model; they carry no version.
    labels: Counter[str] = field(default_factory=Counter)
    records: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    #: Of the last prediction of any model: what is silent after it is the file.
    last_prediction_ms: int | None = None

    @property
    def span_ms(self) -> int:
        """From the first record to the last."""
        return 0 if self.first_ms is None or self.last_ms is None else self.last_ms - self.first_ms

    @property
    def models(self) -> list[str]:
        """All models that have predictions."""
        return sorted({model for model, _, _ in self.predictions})

    def largest(self, model: str) -> int:
        """Predictions of the model's largest subject."""
        return max((count for (name, _, _), count in self.predictions.items() if name == model), default=0)


def survey(records: Iterable[HistoryRecord]) -> Survey:
    """Read a history."""
    found = Survey()
    for record in records:
        found.records += 1
        found.first_ms = record.time_ms if found.first_ms is None else min(found.first_ms, record.time_ms)
        found.last_ms = record.time_ms if found.last_ms is None else max(found.last_ms, record.time_ms)
        try:
            event = _decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if record.input == "feedback":
            found.labels[str(event.model)] += 1
            continue
        found.predictions[str(event.model), str(event.version), str(event.variant)] += 1
        found.last_prediction_ms = max(found.last_prediction_ms or 0, record.time_ms)
    return found
