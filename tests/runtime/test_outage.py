"""The log says once since when a system is away, and once that it is back and after how long."""

from __future__ import annotations

import logging

import pytest

from driftbell.runtime.observability.outage import Outage


class Clock:
    """Moved by the test."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall_ms(self) -> int:
        return 1_750_000_000_000 + round(self.seconds * 1000)


def test_a_system_is_away_since_a_moment_and_back_after_a_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = Outage("Kafka", clock.now, clock.wall_ms)
    with caplog.at_level(logging.INFO):
        outage.back()
        assert caplog.records == [], "what was never away is not back"
        clock.seconds = 20
        for _ in range(100):
            outage.away(error="refused", seconds=20)
            clock.seconds += 1
        outage.back()
        outage.back()

    away, back = caplog.records
    assert away.getMessage() == "Kafka is away since 2025-06-15T15:06:40Z"
    assert (away.levelno, vars(away)["error"]) == (logging.WARNING, "refused")
    assert back.getMessage() == "Kafka is back after 120 s"
    assert (back.levelno, vars(back)["seconds"]) == (logging.INFO, 120)


def test_it_is_back_when_all_who_waited_have_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("Redis", Clock().now)
    with caplog.at_level(logging.INFO):
        for partition in range(3):
            outage.away(partition)
        outage.back(7)
        outage.back(0)
        outage.forget(1)
        assert len(caplog.records) == 1
        outage.back(2)

    assert [record.getMessage() for record in caplog.records][1:] == ["Redis is back after 0 s"]
