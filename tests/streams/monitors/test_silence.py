from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftbell.schemas import Prediction
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.watch import ModelWatch
from driftbell.streams.subject import Subject
from tests.streams.stories import settings

HOUR, DAY = 3_600_000, 86_400_000


def batch(now_ms: int, size: int = 10, version: str = "1") -> PredictionBatch:
    event = Prediction(prediction_id="p", model="m", version=version, timestamp=0, prediction=1)
    return PredictionBatch([event] * size, np.full(size, now_ms, np.int64), now_ms)


def watch(**options: Any) -> ModelWatch:
    return ModelWatch(Subject("m", "", "live"), settings({"silence": options}))


def test_a_model_that_stops_is_reported_at_the_time_announced_and_closed_when_it_speaks() -> None:
    silence = watch()
    for now in range(0, 60_000, 1000):
        silence.on_predictions(batch(now))
    due = silence.due_ms()
    assert due is not None

    assert due == 59_000 + 300_000 + 1
    assert silence.conditions(due - 1) == []
    found = silence.conditions(due + 60_000)[0]
    assert (found.alertname, found.severity, found.reason) == ("ModelSilent", "critical", "no_predictions")
    assert found.summary == "no predictions for 6 min; the longest gap before was 1 s"
    assert found.monitor == "silence"
    silence.on_predictions(batch(due + 61_000))
    assert silence.conditions(due + 61_000) == []


def test_a_new_version_that_takes_over_is_not_silence() -> None:
    silence = watch()
    for now in range(0, 30_000, 1000):
        silence.on_predictions(batch(now, version="1"))
    for now in range(30_000, 2_000_000, 1000):
        silence.on_predictions(batch(now, version="2"))

        assert silence.conditions(now) == []


def test_a_gap_that_is_usual_is_waited_for() -> None:
    silence = watch()
    for now in range(0, 10 * HOUR, HOUR):
        silence.on_predictions(batch(now, size=50))

    assert silence.due_ms() == 9 * HOUR + 3 * HOUR + 1


def test_an_outage_does_not_become_a_habit_but_a_night_does() -> None:
    silence = watch()

    def day(number: int, reported: list[bool]) -> None:
        for now in range(number * DAY, number * DAY + 8 * HOUR, 60_000):
            if silence.conditions(now):
                reported.append(True)
            silence.on_predictions(batch(now))

    nights = []
    for number in range(5):
        reported: list[bool] = []
        day(number, reported)
        nights.append(bool(reported))

    assert nights == [False, True, True, False, False]


def test_a_model_that_only_tried_is_not_expected_to_go_on() -> None:
    silence = watch()
    silence.on_predictions(batch(0, size=99))

    assert silence.due_ms() is None
    assert silence.conditions(100 * DAY) == []


def test_its_state_continues() -> None:
    silence, copy = watch(), watch()
    for now in (0, 5000, 11_000, 2 * HOUR):
        silence.on_predictions(batch(now, size=60))
    copy.restore(decode(encode(silence.state())))

    assert copy.due_ms() == silence.due_ms()
    assert encode(copy.state()) == encode(silence.state())


@pytest.mark.parametrize(("options", "due"), [({"min_seconds": 10}, 1000 + 10_001), ({"min_events": 10**6}, None)])
def test_its_options(options: dict[str, Any], due: int | None) -> None:
    silence = watch(**options)
    for now in (0, 1000):
        silence.on_predictions(batch(now, size=60))

    assert silence.due_ms() == due
