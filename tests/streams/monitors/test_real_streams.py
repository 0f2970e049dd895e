"""Delays and false alarms on streams made by others; ``../shared/data/README.md`` names their sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import drift

from driftbell.runtime.config.model import Monitoring, Reference
from driftbell.schemas import Prediction
from driftbell.streams.agreement import Task
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.performance.error_reference import ErrorReference
from driftbell.streams.monitors.performance.error_watch import ErrorWatch
from driftbell.streams.monitors.watch import Watch
from tests.streams.stories import SUBJECT, settings

DATA = Path(__file__).parents[4] / "shared" / "data"


def load(name: str) -> Any:
    path = DATA / f"{name}.npz"
    if not path.exists():
        message = f"{path} is missing: see shared/data"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return np.load(path)


def errors_of_a_model_trained_on(data: Any, rows: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """1 where a 5-nearest-neighbour model of the first rows is wrong about the later ones."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(5).fit(data["X"][:rows], data["y"][:rows])
    return np.asarray(model.predict(data["X"][rows:]) != data["y"][rows:], np.float64)


@pytest.mark.parametrize(
    "name", ["lobo_sine_0123_abrupto", "tornado_sine1_w_50_n_0.1_101", "tornado_sine1_w_50_n_0.1_102"]
)
def test_the_first_concept_change_is_found_soon_and_nothing_before(name: str) -> None:
    data = load(name)
    trained = 2000
    errors = errors_of_a_model_trained_on(data, trained)
    change = int(data["cps"][0]) - trained
    watch = ErrorWatch(ErrorReference(Task.CLASSIFICATION, errors[:1000], 0.0), "e-SR", {}, 9e6)
    found = None
    for at in range(1000, len(errors), 32):
        watch.update(errors[at : at + 32], at)
        if watch.alarm is not None:
            found = at + 32
            break
    adwin = drift.ADWIN()
    theirs = next(
        (at for at, x in enumerate(errors.tolist()) if adwin.update(x) or (adwin.drift_detected and at > change)), None
    )

    assert found is not None
    assert theirs is not None
    assert 0 < found - change <= 1.6 * (theirs - change) + 64
    assert watch.alarm is not None
    assert abs(watch.alarm.start_ms - change) <= 0.5 * (found - change) + 64


def alarms_on(values: np.ndarray[Any, np.dtype[np.float32]], config: Monitoring) -> int:
    """How many alerts the features of a table raise, in batches of 64 rows."""
    watch = Watch(SUBJECT, config)
    was: set[str] = set()
    raised = 0
    rows = values.tolist()
    for at in range(0, len(rows), 64):
        events = [
            Prediction(
                prediction_id="p",
                model="m",
                version="1",
                timestamp=0,
                features={f"x{i}": value for i, value in enumerate(row)},
                prediction=1,
            )
            for row in rows[at : at + 64]
        ]
        watch.on_predictions(PredictionBatch(events, np.full(len(events), at, np.int64), at))
        now = {f"{c.alertname}{c.labels}" for c in watch.conditions(at)}
        raised += len(now - was)
        was = now
    return raised


def test_a_shuffled_real_table_raises_no_alarm_where_adwin_raises_dozens() -> None:
    data = load("elec2")
    values = data["X"][np.random.default_rng(1).permutation(len(data["X"]))][:30_000]
    config = settings(only=["feature_drift", "out_of_range", "missing", "wrong_type"], reference=Reference(events=5000))
    scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    theirs = 0
    for column in scaled.T:
        adwin = drift.ADWIN()
        for value in column.tolist():
            adwin.update(value)
            theirs += adwin.drift_detected

    assert alarms_on(values, config) == 0
    assert theirs > 5
