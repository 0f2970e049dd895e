"""A monitor that raises is switched off and reported; the others go on."""

from __future__ import annotations

import numpy as np
import pytest

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import Prediction
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.service.failure_rate import FailureRate
from driftbell.streams.monitors.watch import Watch
from driftbell.streams.subject import Subject

SUBJECT = Subject("fraud", "3", "live")


def batch() -> PredictionBatch:
    """A hundred ordinary predictions."""
    events = [
        Prediction(
            prediction_id=str(i),
            model="fraud",
            version="3",
            timestamp=i,
            features={"amount": float(i % 7)},
            prediction=True,
        )
        for i in range(100)
    ]
    return PredictionBatch(events, np.arange(100, dtype=np.int64), 1000)


def _broken(self: FailureRate, _batch: PredictionBatch) -> None:
    raise RuntimeError("a bug")


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch with one faulty monitor."""
    monkeypatch.setattr(FailureRate, "on_predictions", _broken)
    return Watch(SUBJECT, Monitoring())


@pytest.mark.usefixtures("broken_monitors")
def test_a_faulty_monitor_is_a_condition_and_the_others_go_on(watch: Watch) -> None:
    for _ in range(3):
        watch.on_predictions(batch())
    found = watch.conditions(1000)

    assert [(c.alertname, c.labels["monitor"], c.reason) for c in found] == [
        ("MonitorBroken", "failure_rate", "monitor_raised")
    ]
    assert "a bug" in found[0].summary
    assert watch.reference.events == 300


@pytest.mark.usefixtures("broken_monitors")
def test_it_stays_switched_off_after_a_restart(watch: Watch) -> None:
    watch.on_predictions(batch())
    again = Watch(SUBJECT, Monitoring())
    again.restore(watch.state())

    assert [c.alertname for c in again.conditions(1000)] == ["MonitorBroken"]
    assert encode(again.state()) == encode(watch.state())


@pytest.mark.usefixtures("broken_monitors")
def test_a_state_that_does_not_fit_lets_that_monitor_start_fresh() -> None:
    watch = Watch(SUBJECT, Monitoring())
    watch.on_predictions(batch())
    state = decode(encode(watch.state()))
    state["monitors"]["latency"] = {"from": "another release"}
    again = Watch(SUBJECT, Monitoring())
    again.restore(state)

    assert again.conditions(1000) == []
    assert again.reference.events == 100
