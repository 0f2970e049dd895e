"""Checkpoints leave time for the events, and none comes so late that the rule about old ones fires."""

from __future__ import annotations

import pytest

from driftbell.streams.engine.timing.pace import LATEST_SECONDS, MOST_SHARE, SHARE, Pace

INTERVAL = 1.0


class HeldClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return round(self.now * 1000)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def pace(clock: HeldClock) -> Pace:
    return Pace(clock)


def test_the_first_checkpoint_is_due_at_once(pace: Pace) -> None:
    assert pace.due_in(0, INTERVAL) == 0


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        pytest.param(0.001, INTERVAL, id="cheap: as configured"),
        pytest.param(0.4, 0.4 / SHARE, id="costly: its share of the time"),
        pytest.param(2.4, LATEST_SECONDS, id="10,000 models: not later than the latest"),
        pytest.param(5.0, 5.0 / MOST_SHARE, id="more than a worker should have: the most it may take"),
    ],
)
def test_costlier_checkpoints_are_taken_less_often(pace: Pace, cost: float, expected: float) -> None:
    pace.took(0, cost)

    assert pace.due_in(0, INTERVAL) == pytest.approx(expected)


def test_time_passes(pace: Pace, clock: HeldClock) -> None:
    pace.took(0, 0.001)
    clock.now += 0.75

    assert pace.due_in(0, INTERVAL) == pytest.approx(0.25)


def test_many_partitions_take_together_what_one_may_take(pace: Pace, clock: HeldClock) -> None:
    costs = [0.05] * 12
    for partition, cost in enumerate(costs):
        pace.took(partition, cost)

    pauses = [pace.due_in(partition, INTERVAL) for partition in range(12)]
    assert sum(cost / pause for cost, pause in zip(costs, pauses, strict=True)) == pytest.approx(SHARE)


def test_a_partition_that_idles_holds_up_no_other(pace: Pace, clock: HeldClock) -> None:
    pace.took(0, 2.0)
    clock.now += 100
    pace.took(1, 0.001)

    assert pace.due_in(1, INTERVAL) == pytest.approx(INTERVAL)


def test_alerts_bring_the_next_checkpoint_forward_but_take_not_all_the_time(pace: Pace) -> None:
    pace.took(0, 0.01)
    assert pace.due_in(0, INTERVAL, alerts=True) == pytest.approx(0.01 / MOST_SHARE)

    pace.took(0, 2.0)
    assert pace.due_in(0, INTERVAL, alerts=True) == pytest.approx(2.0 / MOST_SHARE)
    assert pace.due_in(0, INTERVAL, alerts=True) < pace.due_in(0, INTERVAL)
