"""Feeds windows with events, and keeps the truth that an oracle computes metrics from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import Metric, Prediction
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind, PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.subject import Subject
from driftbell.streams.windows import MetricWindows

SUBJECT = Subject("fraud", "3", "live")
#: The start of a minute.
START = 1_790_000_040_000


@dataclass
class Row:
    """One prediction and what is known of it by now."""

    prediction: Any
    label: Any = None
    weight: float = 1.0
    scores: Any = None
    made: int = START
    latency: float | None = None
    error: str | None = None
    labelled: bool = False


class Stream:
    def __init__(self, settings: Monitoring | None = None) -> None:
        self.settings = settings or Monitoring()
        self.windows = MetricWindows(SUBJECT, self.settings)
        self.now = START

    def predict(self, rows: Sequence[Row]) -> None:
        events = [
            Prediction(
                prediction_id=str(n),
                model="fraud",
                version="3",
                timestamp=row.made,
                prediction=row.prediction,
                scores=row.scores,
                latency_ms=row.latency,
                error=row.error,
            )
            for n, row in enumerate(rows)
        ]
        self.windows.on_predictions(PredictionBatch(events, np.array([row.made for row in rows], np.int64), self.now))

    def label(self, rows: Sequence[tuple[Row, Any, float]]) -> None:
        """Label rows, or amend the label they have."""
        events = []
        for row, label, weight in rows:
            kind = JoinKind.AMENDED if row.labelled else JoinKind.JOINED
            before = (row.label, row.weight) if row.labelled else (None, 1.0)
            events.append(JoinedEvent(kind, row.prediction, row.scores, label, weight, row.made, self.now, {}, *before))
            row.label, row.weight, row.labelled = label, weight, True
        self.windows.on_labels(JoinedBatch(events, self.now))

    def run(self, rows: Sequence[Row]) -> dict[str, float]:
        """Predict and label everything; returns the values of the one window."""
        self.predict(rows)
        labelled = [(row, row.label, row.weight) for row in rows if row.label is not None]
        if labelled:
            self.label(labelled)
        return self.last().values

    def last(self) -> Metric:
        """The last record of the first window."""
        self.now += 3_600_000
        return self.windows.collect(self.now)[0]

    def restart(self) -> None:
        state = decode(encode(self.windows.state()))
        self.windows = MetricWindows(SUBJECT, self.settings)
        self.windows.restore(state)
