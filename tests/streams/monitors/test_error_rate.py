from __future__ import annotations

import random
from typing import Any

import pytest

from driftbell.streams.batch import JoinKind
from driftbell.streams.detectors import RIVER_NAMES
from driftbell.streams.encoding import encode
from driftbell.streams.monitors.monitor import Condition
from tests.streams.stories import Story, learned, names, settings

ONLY = ["error_rate"]


def taught(options: dict[str, Any] | None = None, **rest: Any) -> Story:
    story = Story(settings({"error_rate": options} if options else None, only=rest.pop("only", ONLY), **rest), batch=64)
    story.labels(5000)
    assert story.history == []
    return story


def one(conditions: list[Condition]) -> Condition:
    assert len(conditions) == 1
    return conditions[0]


def test_a_rise_is_reported_and_closed_after_the_fix() -> None:
    story = taught()
    needed = 0
    while not story.conditions():
        story.labels(64, wrong=0.25)
        needed += 64
        assert needed <= 1000
    found = one(story.labels(1000, wrong=0.25))
    recovered = 0
    while story.conditions():
        story.labels(64)
        recovered += 64
        assert recovered <= 2000

    assert needed <= 320
    assert (found.alertname, found.severity, found.reason) == ("ErrorRateHigh", "critical", "error_rate_rose")
    assert found.value == pytest.approx(0.25, abs=0.03)
    assert found.baseline == pytest.approx(0.1, abs=0.01)
    assert found.summary.startswith("error rate rose from ")
    assert found.summary.endswith(" labels")
    assert found.calibrated
    assert recovered <= 900
    assert story.episodes("ErrorRateHigh") == 1


def test_everything_wrong_is_seen_within_twenty_labels() -> None:
    story = Story(settings(only=ONLY), batch=10)
    story.labels(2000)
    story.labels(20, wrong=1.0)

    assert names(story.conditions()) == ["ErrorRateHigh"]


def test_fewer_errors_are_no_alarm() -> None:
    story = taught()

    assert story.labels(20_000, wrong=0.01) == []
    assert story.history == []


@pytest.mark.parametrize("wrong", [0.11, 0.13, 0.15])
def test_a_small_rise_that_stays_does_not_flap(wrong: float) -> None:
    story = taught()
    story.labels(30_000, wrong=wrong)

    assert story.episodes("ErrorRateHigh") <= 1
    if wrong == 0.15:
        assert names(story.conditions()) == ["ErrorRateHigh"]


def test_a_slow_rise_does_not_become_the_reference() -> None:
    story = taught()
    for step in range(40):
        story.labels(500, wrong=0.1 + 0.005 * step)

    assert names(story.conditions()) == ["ErrorRateHigh"]
    found = one(story.conditions())
    assert found.baseline == pytest.approx(0.1, abs=0.02)


def test_the_reference_grows_while_all_is_quiet_and_then_sees_smaller_rises() -> None:
    young, old = Story(settings(only=ONLY)), Story(settings(only=ONLY))
    young.labels(1100)
    old.labels(16_000)
    delays = []
    for story in (young, old):
        needed = 0
        while not story.conditions() and needed < 12_000:
            story.labels(128, wrong=0.14)
            needed += 128
        delays.append(needed)

    assert delays[1] < delays[0]
    assert delays[1] <= 3000


@pytest.mark.parametrize("wrong", [0.05, 0.08, 0.12])
def test_a_reference_that_has_grown_survives_restarts(wrong: float) -> None:
    """The detector was made for a young reference, whose share of errors was less certain."""
    settled, restarted = (Story(settings(only=ONLY, labels=300), restart=restart) for restart in (False, True))
    for story in (settled, restarted):
        story.labels(6000, wrong=wrong)
        story.labels(1000, wrong=0.4)

    assert restarted.history == settled.history != []
    assert encode(restarted.watch.state()) == encode(settled.watch.state())


def test_the_features_that_moved_most_are_named() -> None:
    story = Story(settings(only=["error_rate", "feature_drift"]))
    story.events(3000)
    story.labels(2000)
    from tests.streams.stories import ordinary

    story.events(512, lambda rng: {**ordinary(rng), "amount": rng.lognormvariate(6, 1)})
    found = [c for c in story.labels(512, wrong=0.5) if c.alertname == "ErrorRateHigh"]

    assert [mover.feature for mover in one(found).features] == ["amount"]


def regression(rng: random.Random, scale: float) -> tuple[float, float]:
    truth = rng.uniform(0, 100)
    return truth + rng.gauss(0, scale), truth


def test_regression_is_recognised_and_its_absolute_error_watched() -> None:
    story = Story(settings(only=ONLY), batch=64)
    story.labels(4000, wrong=5.0, pair=regression)
    assert story.history == []
    found = one(story.labels(1500, wrong=7.5, pair=regression))
    story.labels(3000, wrong=5.0, pair=regression)

    assert (found.alertname, found.metric) == ("AbsoluteErrorHigh", "mean_absolute_error")
    assert found.reason == "absolute_error_rose"
    assert found.baseline == pytest.approx(5 * 0.798, rel=0.1)
    assert found.value is not None
    assert found.value > 1.2 * (found.baseline or 0)
    assert story.conditions() == []


@pytest.mark.parametrize("batch", [4, 64])
@pytest.mark.parametrize("restart", [False, True])
def test_the_error_that_an_alert_names_is_that_since_the_change(batch: int, restart: bool) -> None:
    story = Story(settings(only=ONLY), batch=batch, restart=restart)
    story.labels(4000, wrong=3.0, pair=regression)
    since_ms, fed = story.now_ms, 0
    while not story.labels(batch, wrong=6.0, pair=regression):
        fed += batch
        assert fed < 2000
    found = story.conditions()[0]

    assert found.baseline == pytest.approx(3 * 0.798, rel=0.1)
    assert found.value == pytest.approx(6 * 0.798, rel=0.25), "not of the labels before the change"
    assert found.window_events == pytest.approx(fed + batch, abs=max(40, batch))
    assert (found.change_point_ms or 0) == pytest.approx(since_ms, abs=max(40, batch) * 10)


@pytest.mark.parametrize(
    ("pair", "alertname"),
    [
        (("cat", "dog"), "ErrorRateHigh"),
        ((True, False), "ErrorRateHigh"),
        ((1, 0), "ErrorRateHigh"),
        ((1.0, 0.0), "ErrorRateHigh"),
        (("1", 0), "ErrorRateHigh"),
    ],
)
def test_classes_may_be_texts_booleans_or_whole_numbers(pair: tuple[Any, Any], alertname: str) -> None:
    def make(rng: random.Random, wrong: float) -> tuple[Any, Any]:
        same = pair[0] if type(pair[0]) is type(pair[1]) else int(pair[0])
        return pair[0], pair[1] if rng.random() < wrong else same

    story = Story(settings(only=ONLY))
    story.labels(2000, pair=make)

    assert names(story.labels(512, wrong=0.6, pair=make)) == [alertname]


def test_the_task_can_be_configured() -> None:
    story = Story(settings(only=ONLY, task="regression"))
    story.labels(2000, pair=lambda rng, wrong: (1, 0 if rng.random() < wrong else 1))
    found = story.labels(1000, wrong=0.5, pair=lambda rng, wrong: (1, 0 if rng.random() < wrong else 1))

    assert names(found) == ["AbsoluteErrorHigh"]


def test_failed_predictions_have_no_error() -> None:
    story = taught()

    assert story.labels(5000, pair=lambda rng, wrong: (None, "yes")) == []


def test_amendments_are_further_statements() -> None:
    story = taught()
    story.labels(512, wrong=1.0, kind=JoinKind.AMENDED)

    assert names(story.conditions()) == ["ErrorRateHigh"]


@pytest.mark.parametrize("name", [name for name in RIVER_NAMES if name != "KSWIN"])
def test_rivers_detectors_can_be_chosen_and_are_marked_uncalibrated(name: str) -> None:
    story = Story(settings({"error_rate": {"detector": name}}, only=ONLY), batch=64)
    story.labels(1500)
    found = one(story.labels(1500, wrong=0.7))
    story.labels(4000)

    assert found.detector == name
    assert not found.calibrated
    assert found.value is not None
    assert found.value > 0.3


def test_river_parameters_are_passed_on() -> None:
    quick = Story(settings({"error_rate": {"detector": "ADWIN", "parameters": {"delta": 0.3}}}, only=ONLY), batch=16)
    slow = Story(settings({"error_rate": {"detector": "ADWIN", "parameters": {"delta": 1e-9}}}, only=ONLY), batch=16)
    delays = []
    for story in (quick, slow):
        story.labels(3000)
        needed = 0
        while not story.conditions():
            story.labels(16, wrong=0.2)
            needed += 16
        delays.append(needed)

    assert delays[0] < delays[1]


def test_absurd_labels_do_not_break_a_regression() -> None:
    story = Story(settings(only=ONLY))
    story.labels(2000, wrong=5.0, pair=regression)
    for label in (1e308, -1e308, 10**400, "text", True):
        story.labels(64, pair=lambda rng, wrong, label=label: (1.0, label))  # type: ignore[misc]

    assert names(story.conditions()) == ["AbsoluteErrorHigh"]


def test_labels_are_learned_before_anything_is_said() -> None:
    story = Story(settings(only=ONLY, labels=1000))
    story.labels(500)
    story.labels(480, wrong=1.0)

    assert story.history == []
    assert learned(story).conditions() == []
