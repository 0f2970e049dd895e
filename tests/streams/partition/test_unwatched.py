"""What is not watched reaches people: every record of the metrics topic names it, with the reason, and stays small."""

from __future__ import annotations

import numpy as np

from driftbell.runtime.config.model import Monitoring, Reference
from driftbell.schemas import Metric, Prediction
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind, PredictionBatch
from driftbell.streams.partition.watched import Watched
from driftbell.streams.subject import Subject

SUBJECT = Subject("fraud", "3", "live")
MINUTE_MS = 60_000


def records(features: dict[str, str | float], count: int = 300, late_label: bool = False) -> list[Metric]:
    """The metrics of a subject whose predictions have ``features`` with a number behind every text."""
    settings = Monitoring(reference=Reference(events=200, max_features=50))
    watched = Watched(SUBJECT, settings, 0)
    events = [
        Prediction(
            prediction_id=str(at),
            model="fraud",
            version="3",
            timestamp=at,
            features={name: f"{value}{at}" if isinstance(value, str) else at % 7 for name, value in features.items()},
            prediction=at % 2 == 0,
        )
        for at in range(count)
    ]
    batch = PredictionBatch(events, np.arange(count, dtype=np.int64), count)
    watched.watch.on_predictions(batch)
    watched.windows.on_predictions(batch)
    if late_label:
        event = JoinedEvent(JoinKind.JOINED, True, None, True, 1.0, -100 * MINUTE_MS, count, {})
        watched.windows.on_labels(JoinedBatch([event], count))
    return watched.collect(2 * MINUTE_MS)


def test_a_record_names_the_features_that_are_not_watched_and_why() -> None:
    (record,) = records({"user": "u", "amount": 1.0})

    assert record.unwatched == {"user": "high_cardinality"}
    assert record.unwatched_features == 1


def test_nothing_is_said_where_all_is_watched_or_is_still_learned() -> None:
    assert [record.unwatched for record in records({"amount": 1.0})] == [{}]
    assert [record.unwatched for record in records({"user": "u"}, count=100)] == [{}]


def test_any_number_of_unwatched_features_with_long_names_stays_a_small_record() -> None:
    (record,) = records({f"{'n' * 1000}{at:03}": "u" for at in range(90)})

    assert record.unwatched_features == 90
    assert len(record.unwatched) <= 20
    assert max(map(len, record.unwatched)) < 1000


def test_labels_that_are_in_no_window_are_counted_in_the_record() -> None:
    (record,) = records({"amount": 1.0}, late_label=True)

    assert record.uncounted == {"label_too_late": 1}
