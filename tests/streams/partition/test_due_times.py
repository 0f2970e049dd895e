"""Quiet models cost nothing until their time comes."""

from __future__ import annotations

import pytest

from driftbell.runtime.config.model import Config, Worker
from driftbell.schemas import Prediction
from driftbell.streams.partition.model import Emitted, Model
from driftbell.streams.partition.models import Models

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def models(count: int) -> Models:
    """So many models with one prediction each, evaluated once."""
    made = Models(0, Config(worker=Worker(forget_models_after=7 * 86_400.0)))
    for number in range(count):
        event = Prediction(
            prediction_id="1", model=f"model-{number:04}", version="1", timestamp=START_MS, features={}, prediction=True
        )
        made.admit(event.model)
        made.add_predictions([event], [START_MS], START_MS, None, Emitted())
    for _ in made.tick(START_MS, Emitted()):
        pass
    return made


def test_a_tick_asks_only_the_models_that_have_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    made = models(200)
    asked: list[str] = []
    original = Model.due_ms

    def counted(model: Model) -> int | None:
        asked.append(model.name)
        return original(model)

    monkeypatch.setattr(Model, "due_ms", counted)
    due_ms = made.due_ms()
    assert due_ms is not None
    for now_ms in range(START_MS + 1000, due_ms, max(1000, (due_ms - START_MS) // 50)):
        for _ in made.tick(now_ms, Emitted()):
            pass

    assert asked == []


def test_every_model_is_evaluated_when_its_time_comes_and_forgotten_in_the_end() -> None:
    made = models(20)
    now_ms = START_MS
    while (due_ms := made.due_ms()) is not None:
        assert due_ms > now_ms
        now_ms = due_ms
        for _ in made.tick(now_ms, Emitted()):
            pass

    assert not made.by_name
    assert now_ms == START_MS + 7 * DAY_MS


def test_after_a_restart_the_same_times_are_due() -> None:
    made = models(20)
    for _ in made.encode(START_MS):
        pass
    again = Models(0, Config(worker=Worker(forget_models_after=7 * 86_400.0)))
    for _ in again.restore({name: blob for name, blob in made.take().items() if blob is not None}, START_MS):
        pass

    assert again.due_ms() == made.due_ms()
