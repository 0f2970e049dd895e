from __future__ import annotations

import random

import pytest

from tests.streams.stories import Story, learned, names, settings


def test_a_rising_failure_rate_is_critical_and_closes() -> None:
    story = learned(Story(settings(only=["failure_rate"]), batch=64))
    found = story.events(256, failing=0.2)[0]
    story.events(640)

    assert (found.alertname, found.severity, found.reason) == ("FailureRateHigh", "critical", "failure_rate_rose")
    assert found.value == pytest.approx(0.2, abs=0.08)
    assert found.summary.startswith("failure rate rose from 0.0 % to ")
    assert story.conditions() == []


def test_a_model_that_fails_from_the_start_is_reported_before_anything_is_learned() -> None:
    story = Story(settings(only=["failure_rate"]), batch=16)
    found = story.events(64, failing=1.0)

    assert names(found) == ["FailureRateHigh"]
    assert found[0].reason == "failure_rate_above_ceiling"
    assert found[0].baseline is None
    assert "100.0 % of" in found[0].summary


def test_failures_that_were_always_there_are_normal_up_to_the_ceiling() -> None:
    story = Story(settings(only=["failure_rate"]))
    story.events(10_000, failing=0.1)

    assert story.history == []


def test_slower_answers_are_reported_with_their_quantile_and_closed() -> None:
    story = learned(Story(settings(only=["latency"]), batch=64))
    found = story.events(1024, latency=lambda rng: rng.lognormvariate(4, 0.5))[0]
    story.events(1500)

    assert (found.alertname, found.reason, found.metric) == ("LatencyHigh", "slower_than_reference", "latency_p95_ms")
    assert found.baseline == pytest.approx(20.1 * 2.276, rel=0.1)
    assert found.value is not None
    assert found.value > 1.5 * (found.baseline or 0)
    assert story.conditions() == []


@pytest.mark.parametrize("options", [{}, {"slo_ms": 60.0}])
def test_the_latency_that_an_alert_names_is_that_since_the_change(options: dict[str, float]) -> None:
    story = learned(Story(settings({"latency": options}, only=["latency"]), batch=16))
    story.events(1500)
    slow: list[float] = []

    def latency(rng: random.Random) -> float:
        slow.append(rng.lognormvariate(4.5, 0.2))
        return slow[-1]

    while not story.events(16, latency=latency):
        assert len(slow) < 500
    story.events(160, latency=latency)
    found = story.conditions()[0]

    assert found.value == pytest.approx(sorted(slow)[round(0.95 * len(slow))], rel=0.1), "not of the answers before it"


def test_a_service_objective_needs_no_reference() -> None:
    story = Story(settings({"latency": {"slo_ms": 50, "slo_share": 0.01}}, only=["latency"]), batch=32)
    found = story.events(128, latency=lambda rng: 80.0)

    assert found[0].reason == "objective_missed"
    assert "slower than 50 ms (at most 1.0 % allowed)" in found[0].summary


def test_latency_a_little_worse_in_bursts_is_tolerated() -> None:
    story = learned(Story(settings(only=["latency"]), batch=64))
    for _ in range(40):
        story.events(256, latency=lambda rng: rng.lognormvariate(3.15, 0.5))
        story.events(256)

    assert story.history == []


def test_a_model_without_latencies_is_not_judged_by_them() -> None:
    story = learned(Story(settings(only=["latency"])))

    assert story.events(4000, latency=lambda rng: None) == []


def test_nobody_gets_up_for_microseconds() -> None:
    story = Story(settings(only=["latency"]), batch=64)
    story.events(4000, latency=lambda rng: rng.lognormvariate(0, 0.3) * 0.02)
    story.events(4000, latency=lambda rng: rng.lognormvariate(0, 0.3) * 0.2)
    assert story.history == []

    found = story.events(512, latency=lambda rng: rng.lognormvariate(0, 0.3) * 2)[0]
    assert found.threshold == 1.0
    assert found.summary.startswith("latency p95 rose from 0.0")
