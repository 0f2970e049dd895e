"""Batches cut by window, as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

import numpy as np

from driftbell.streams.agreement import number_of
from driftbell.streams.batch import JoinedEvent, JoinKind, PredictionBatch
from driftbell.streams.windows.family import LabelColumns, PredictionColumns
from driftbell.streams.windows.scores import probabilities
from driftbell.streams.windows.uncounted import Uncounted


def prediction_columns(batch: PredictionBatch, width_ms: int) -> Iterator[tuple[int, PredictionColumns]]:
    """The predictions of each window in the batch with the window's start, in order of time."""
    first = int(batch.time_ms.min()) // width_ms
    if first == int(batch.time_ms.max()) // width_ms:
        # Nearly always; the rest is for batches at the edge of a window, and predictions that came late.
        answers = batch.predictions
        latency = [event.latency_ms for event in batch.events if event.latency_ms is not None]
        failures = int(np.count_nonzero(batch.failed))
        yield first * width_ms, PredictionColumns(answers, failures, np.array(latency, np.float64))
        return
    starts = batch.time_ms - batch.time_ms % width_ms
    for start in np.unique(starts).tolist():
        inside = starts == start
        events = list(compress(batch.events, inside))
        answers = list(compress(batch.predictions, inside))
        latency = [event.latency_ms for event in events if event.latency_ms is not None]
        failures = int(np.count_nonzero(batch.failed & inside))
        yield start, PredictionColumns(answers, failures, np.array(latency, np.float64))


def label_columns(events: Sequence[JoinedEvent], width_ms: int) -> Iterator[tuple[int, LabelColumns]]:
    """The labels by the windows of their predictions, with the window's start, in the order in which windows come."""
    windows: dict[int, list[JoinedEvent]] = {}
    for event in events:
        windows.setdefault(event.predicted_ms - event.predicted_ms % width_ms, []).append(event)
    for start, inside in windows.items():
        yield start, _labels(inside)


def _labels(events: Sequence[JoinedEvent]) -> LabelColumns:
    rows: list[tuple[Any, Any, Any, float, int]] = []
    uncounted: Counter[Uncounted] = Counter()
    firsts = not_numbers = 0
    for event in events:
        firsts += event.kind is JoinKind.JOINED
        if event.prediction is None:
            continue
        scores = probabilities(event.scores)
        if isinstance(scores, Uncounted):
            uncounted[scores] += 1
            scores = None
        if type(event.label) is str:
            not_numbers += number_of(event.label) is None
        if event.kind is JoinKind.AMENDED and event.previous_label is not None:
            rows.append((event.prediction, scores, event.previous_label, -event.previous_weight, -1))
        rows.append((event.prediction, scores, event.label, event.weight, 1))
    predictions, chances, labels, weights, signs = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return LabelColumns(
        predictions,
        chances,
        labels,
        np.array(weights, np.float64),
        np.array(signs, np.int64),
        firsts,
        not_numbers,
        uncounted,
    )
