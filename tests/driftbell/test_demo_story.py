"""The demo's story is told by real data: the quiet part is quiet, the change hurts, the fix heals."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from driftbell.demo.data import ANOMALY, mode, readings
from driftbell.demo.model import KNOWN_MODES
from driftbell.demo.story import CHANGED_SENSOR, CHAPTERS, RENAMED_CATEGORY, SCALE, Phase, upstream
from driftbell.demo.traffic import Traffic


class Recorder:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.predictions: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []

    def predict(self, model: str, version: str, prediction: object, **event: Any) -> str:
        self.predictions.append({"model": model, "version": version, "prediction": prediction, **event})
        return str(event["prediction_id"])

    def label(self, model: str, prediction_id: object, label: object) -> None:
        self.labels.append({"model": model, "prediction_id": prediction_id, "label": label})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def told() -> tuple[Recorder, dict[Phase, float]]:
    """The whole story at 600 requests a second in virtual time, and the accuracy of each phase's predictions."""
    recorder, clock = Recorder(), Clock()
    traffic = Traffic(readings(seed=7), recorder, now=clock)
    traffic.train()
    bounds = {}
    for phase in (Phase.QUIET, Phase.BROKEN, Phase.FIXED):
        first = traffic.predictions
        traffic.phase = phase
        for _ in range(6 * 600):
            traffic.answer()
            clock.now += 1 / 600
            traffic.give_labels()
        bounds[phase] = (first, traffic.predictions)
    clock.now += 10
    traffic.give_labels()
    truth = [label["label"] for label in recorder.labels]
    right = [event["prediction"] == label for event, label in zip(recorder.predictions, truth, strict=True)]
    return recorder, {phase: sum(right[a:b]) / (b - a) for phase, (a, b) in bounds.items()}


@pytest.mark.slow
def test_the_data_is_the_whole_data_set_in_an_order_given_by_the_seed() -> None:
    first, again, other = (list(islice(readings(seed), 49_097)) for seed in (7, 7, 8))

    assert first == again
    assert first != other
    assert sum(reading.label == ANOMALY for reading in first) == 3511


@pytest.mark.slow
def test_the_data_starts_over_when_it_is_used_up() -> None:
    stream = readings(seed=7)
    first = next(stream)

    assert next(islice(stream, 49_096, None)) == first


def test_every_mode_is_one_the_model_knows() -> None:
    assert {mode(value) for value in range(-400, 400)} == KNOWN_MODES


@pytest.mark.slow
def test_the_model_is_accurate_until_the_change_and_again_after_the_fix(
    told: tuple[Recorder, dict[Phase, float]],
) -> None:
    _, accuracy = told

    assert accuracy[Phase.QUIET] > 0.99
    assert accuracy[Phase.BROKEN] < 0.95
    assert accuracy[Phase.FIXED] > 0.99


def test_while_broken_the_model_misses_the_anomalies(told: tuple[Recorder, dict[Phase, float]]) -> None:
    recorder, _ = told
    broken = [event for event in recorder.predictions if event["features"]["mode"].isupper()]

    assert broken
    assert sum(event["prediction"] == ANOMALY for event in broken) < 0.001 * len(broken)


def test_every_prediction_gets_its_label_once(told: tuple[Recorder, dict[Phase, float]]) -> None:
    recorder, _ = told

    assert [event["prediction_id"] for event in recorder.predictions] == [
        label["prediction_id"] for label in recorder.labels
    ]


@pytest.mark.slow
def test_only_the_broken_phase_changes_a_reading() -> None:
    reading = next(readings(seed=7))

    assert upstream(Phase.QUIET, reading.features) == reading.features
    assert upstream(Phase.FIXED, reading.features) == reading.features
    changed = upstream(Phase.BROKEN, reading.features)
    assert changed[CHANGED_SENSOR] == int(reading.features[CHANGED_SENSOR]) * SCALE
    assert changed[RENAMED_CATEGORY] == str(reading.features[RENAMED_CATEGORY]).upper()
    assert {name for name in changed if changed[name] != reading.features[name]} == {CHANGED_SENSOR, RENAMED_CATEGORY}


def test_the_chapters_cover_every_phase_in_order() -> None:
    assert [chapter.phase for chapter in CHAPTERS] == list(Phase)
