"""Whichever clock is wrong, the other two hold it."""

from __future__ import annotations

import logging

import pytest

from driftbell.streams.engine.timing.agreed_clock import AgreedClock

T = 1_700_000_000_000
HOUR = 3_600_000


class Own:
    """The worker's own clocks."""

    def __init__(self) -> None:
        self.wall, self.seconds = T, 100.0

    def wall_ms(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> None:
        self.wall += round(seconds * 1000)
        self.seconds += seconds


def agreed(own: Own) -> AgreedClock:
    clock = AgreedClock(own)
    clock.store_said(T)
    clock.broker_appended(T - 200)
    return clock


def test_clocks_that_agree_are_followed() -> None:
    own = Own()
    clock = agreed(own)
    own.passes(10)

    assert clock.wall_ms() == T + 10_000
    assert clock.offset_ms == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_of_the_own_clock_is_not_followed_and_is_said(jump: int, caplog: pytest.LogCaptureFixture) -> None:
    own = Own()
    clock = agreed(own)
    own.passes(1)
    own.wall += jump

    with caplog.at_level(logging.ERROR):
        assert T + 800 <= clock.wall_ms() <= T + 1000
    assert "3600.0 s ahead of" in caplog.text if jump > 0 else "behind" in caplog.text
    assert clock.offset_ms == pytest.approx(jump, abs=200)


def test_a_store_or_a_broker_whose_clock_is_wrong_is_not_followed() -> None:
    for wrong in (HOUR, -HOUR):
        store_wrong = AgreedClock(Own())
        store_wrong.store_said(T + wrong)
        store_wrong.broker_appended(T - 200)

        assert T - 200 <= store_wrong.wall_ms() <= T

    broker_ahead = AgreedClock(Own())
    broker_ahead.store_said(T)
    broker_ahead.broker_appended(T + HOUR)

    assert broker_ahead.wall_ms() == T


def test_append_times_of_a_catch_up_are_old_and_hold_nothing_back() -> None:
    clock = AgreedClock(Own())
    clock.store_said(T)
    clock.broker_appended(T - 24 * HOUR)

    assert clock.wall_ms() == T


def test_an_idle_topic_does_not_stop_the_time() -> None:
    own = Own()
    clock = agreed(own)
    own.passes(3600)

    assert clock.wall_ms() == T + HOUR


def test_before_any_append_time_the_earlier_clock_decides() -> None:
    own = Own()
    clock = AgreedClock(own)
    clock.store_said(T)
    own.wall += HOUR

    assert clock.wall_ms() == T


def test_without_a_store_the_own_clock_decides() -> None:
    own = Own()
    clock = AgreedClock(own)
    clock.broker_appended(T + HOUR)

    assert clock.wall_ms() == T
