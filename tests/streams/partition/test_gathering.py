"""The few events of a quiet model are looked at together, soon enough, and are not lost meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.schemas import Metric, Prediction, decode_alert, to_epoch_ms
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.batch import JoinedEvent, JoinKind, KeptScores
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.watch import ModelWatch, Watch
from driftbell.streams.partition.model import MOST_GATHERED, Emitted, Model
from driftbell.streams.records import Input, Output, Record
from driftbell.streams.subject import Subject
from driftbell.streams.windows import MetricWindows
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
SECOND_MS = 1_000
GATHER_S = 5


def event(number: int, *, error: str | None = None) -> Prediction:
    return Prediction(
        prediction_id=str(number),
        model="quiet",
        version="1",
        timestamp=START_MS,
        features={"x": number % 7 / 7},
        prediction=None if error else number % 2 == 0,
        error=error,
    )


class Quiet:
    """One model, ticked every second; ``looks`` are the seconds at which it was looked at."""

    def __init__(self) -> None:
        self.model = Model("quiet", Monitoring(), Worker(gather=GATHER_S))
        self.looks: list[int] = []

    def second(self, at: int, events: list[Prediction]) -> None:
        now_ms = START_MS + at * SECOND_MS
        if events:
            self.model.add_predictions(events, [now_ms] * len(events), now_ms, None, Emitted())
        if self.model.wants_tick(now_ms + SECOND_MS):
            self.model.tick(now_ms + SECOND_MS, Emitted())
            self.looks.append(at)


def test_an_event_a_second_is_looked_at_every_five_seconds() -> None:
    quiet = Quiet()
    for at in range(40):
        quiet.second(at, [event(at)])

    assert len(quiet.looks) <= 40 / GATHER_S + 1
    assert max(later - sooner for sooner, later in zip(quiet.looks, quiet.looks[1:], strict=False)) == GATHER_S


def test_the_first_event_after_a_pause_does_not_wait() -> None:
    quiet = Quiet()
    for at in (0, 33, 61, 102):
        for second in range(at, at + 3):
            quiet.second(second, [event(at)] if second == at else [])

    assert {0, 33, 61, 102} <= set(quiet.looks)


def test_what_waits_is_due_at_the_next_multiple_though_no_other_event_comes() -> None:
    quiet = Quiet()
    quiet.second(0, [event(0)])
    quiet.second(1, [event(1)])

    assert quiet.looks == [0]
    assert quiet.model.due_ms() == START_MS + GATHER_S * SECOND_MS
    assert not quiet.model.wants_tick(START_MS + (GATHER_S - 1) * SECOND_MS)
    assert quiet.model.wants_tick(START_MS + GATHER_S * SECOND_MS)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(lambda at: [event(at, error="timeout")], id="failures"),
        pytest.param(lambda at: [event(at * 100 + n) for n in range(MOST_GATHERED)], id="many events"),
    ],
)
def test_failures_and_busy_models_are_looked_at_with_every_tick(events: Callable[[int], list[Prediction]]) -> None:
    quiet = Quiet()
    for at in range(12):
        quiet.second(at, events(at))

    assert quiet.looks == list(range(12))


def test_a_model_with_an_alert_is_looked_at_with_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lifecycle, "busy", True)
    quiet = Quiet()
    for at in range(12):
        quiet.second(at, [event(at)])

    assert quiet.looks == list(range(12))


def test_what_is_gathered_is_in_the_state() -> None:
    quiet = Quiet()
    for at in range(3):
        quiet.second(at, [event(at)])
    assert quiet.model.gathering
    again = Quiet()
    again.model.restore(quiet.model.state())

    assert again.model.state() == quiet.model.state()
    assert again.model.due_ms() == quiet.model.due_ms()
    for model in (quiet, again):
        model.looks.clear()
        for at in range(3, 20):
            model.second(at, [event(at)])
    assert again.looks == quiet.looks
    assert again.model.state() == quiet.model.state()


@pytest.mark.parametrize(
    "scores",
    [None, 0.25, {"a": 0.5, "b": 0.5}, KeptScores({"a": 0.5}, 0.5, 900, 0.001)],
    ids=lambda s: type(s).__name__,
)
def test_labels_are_gathered_too(scores: dict[str, float] | KeptScores | float | None) -> None:
    quiet = Quiet()
    quiet.second(0, [event(0)])
    label = JoinedEvent(JoinKind.AMENDED, 1 << 70, scores, True, 1.0, START_MS, START_MS, {"a": "b"}, previous_label=1)
    quiet.model.add_label(Subject("quiet", "1", "live"), label, START_MS, Emitted())
    again = Quiet()
    again.model.restore(quiet.model.state())

    assert again.model.gathering
    assert again.model.state() == quiet.model.state()


def records(seconds: int, breaks: int) -> list[Record]:
    """One event a second, of which one number is far out from ``breaks`` on."""
    made = []
    for at in range(seconds):
        value = (at * 37 % 100) / 100 + (50 if at >= breaks else 0)
        body = {
            "prediction_id": str(at),
            "model": "quiet",
            "version": "1",
            "timestamp": START_MS + at * SECOND_MS,
            "features": {"x": value},
            "prediction": at % 2 == 0,
        }
        made.append(Record(at, START_MS + at * SECOND_MS, json.dumps(body).encode()))
    return made


def fired(gather: float) -> dict[str, int]:
    """When which alert of the broken feature fired."""
    config = Config(worker=Worker(gather=gather), monitoring=Monitoring(reference=Reference(events=200, labels=200)))
    owner = Owner(config, {Input.PREDICTIONS: records(500, 400)})
    owner.finish(START_MS + 520 * SECOND_MS)
    alerts = [
        decode_alert(record.value) for record in owner.published if record.output is Output.ALERTS and record.value
    ]
    return {
        alert.labels["alertname"]: to_epoch_ms(alert.updatedAt)
        for alert in reversed(alerts)
        if alert.status == "firing"
    }


def test_alerts_of_a_quiet_model_come_at_most_the_time_of_gathering_later() -> None:
    at_once, gathered = fired(0.0), fired(float(GATHER_S))

    assert at_once
    assert gathered.keys() == at_once.keys()
    for name, time_ms in gathered.items():
        assert time_ms <= at_once[name] + GATHER_S * SECOND_MS, name


def test_a_tick_that_only_publishes_windows_asks_for_no_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet()
    quiet.second(0, [event(0)])
    asked: list[int] = []

    def conditions(_self: Watch | ModelWatch, now_ms: int) -> list[Condition]:
        asked.append(now_ms)
        return []

    for kind in (Watch, ModelWatch):
        monkeypatch.setattr(kind, "conditions", conditions)
    emitted = Emitted()
    due_ms = quiet.model.due_ms()
    assert due_ms is not None
    quiet.model.tick(due_ms, emitted)

    assert [metric.predictions for metric in emitted.metrics] == [1]
    assert asked == []

    quiet.second(200, [event(1)])
    assert asked, "an event may change conditions"


@pytest.mark.usefixtures("broken_monitors")
def test_a_part_that_broke_is_told_with_the_next_tick_though_no_event_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_self: MetricWindows, _now_ms: int) -> list[Metric]:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(MetricWindows, "collect", raises)
    quiet = Quiet()
    quiet.second(0, [event(0)])
    emitted = Emitted()
    quiet.model.tick(START_MS + 5 * SECOND_MS, emitted)

    assert [alert.labels["alertname"] for alert in emitted.alerts] == ["MonitorBroken"]
