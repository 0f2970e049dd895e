from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from driftbell.streams.alerts.annotations import sentence
from driftbell.streams.subject import Subject
from tests.streams.stories import Features, Story, learned, names, ordinary, settings

DRIFT = ["feature_drift", "prediction_drift"]


def shifted(**change: Callable[[Any], Any]) -> Callable[[random.Random], Features]:
    def make(rng: random.Random) -> Features:
        features = ordinary(rng)
        for name, function in change.items():
            features[name] = function(features[name])
        return features

    return make


def only_poland(country: str) -> str:
    return "PL" if country == "DE" else country


@pytest.mark.parametrize("batch", [32, 256, 1024])
@pytest.mark.parametrize(
    ("change", "feature", "says"),
    [
        ({"amount": lambda x: x * 100}, "amount", "median"),
        ({"amount": lambda x: x * 1.5}, "amount", "median"),
        ({"age": lambda x: (x - 54) // 2 + 54}, "age", "middle 80 %"),
        ({"country": only_poland}, "country", "share of"),
        ({"mobile": lambda _: True}, "mobile", "share of 'true'"),
    ],
)
def test_a_shift_is_reported_with_what_moved_and_closed_after_the_fix(
    batch: int, change: dict[str, Callable[[Any], Any]], feature: str, says: str
) -> None:
    story = learned(Story(settings(only=DRIFT, events=4000), batch=batch))
    start_ms = story.now_ms
    detected = None
    for events in range(batch, 4097, batch):
        if story.events(batch, shifted(**change)):
            detected = events
            break
    assert detected is not None
    assert detected <= 1024
    shift = story.conditions()[0]
    story.events(2048, shifted(**change))
    held = names(story.conditions())
    recovered = 0
    while story.conditions():
        story.events(batch)
        recovered += batch
        assert recovered <= 5000

    assert held == [f"FeatureDrift:{feature}"]
    assert shift.reason == "distribution_moved"
    assert says in shift.summary or "lie above" in shift.summary
    assert abs((shift.change_point_ms or 0) - start_ms) <= 2560
    assert [mover.feature for mover in shift.features] == [feature]
    assert recovered <= max(2 * batch, 1600)
    assert story.episodes("FeatureDrift") == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_few_huge_values_are_told_as_such_whatever_the_median_of_a_few_events_does(seed: int) -> None:
    story = learned(Story(settings(only=DRIFT, events=4000), batch=20, seed=seed))

    def some_in_cents(x: float) -> float:
        return x * 1000 if x * 1e6 % 10 < 3 else x

    while not story.events(20, shifted(amount=some_in_cents)):
        pass

    assert "of its values lie above all of the reference" in story.conditions()[0].summary


def test_the_movers_are_the_features_that_moved_most() -> None:
    story = learned(Story(settings(only=DRIFT, events=4000)))
    story.events(2048, shifted(amount=lambda x: x * 30, age=lambda x: min(x + 12, 89)))
    movers = story.watch.movers(5)

    assert [mover.feature for mover in movers] == ["amount", "age"]
    assert movers[0].evidence > movers[1].evidence
    assert movers[0].psi is not None
    assert movers[0].psi > 1


def test_quiet_features_are_no_movers() -> None:
    story = learned(Story(settings(only=DRIFT)))
    story.events(3000)

    assert story.watch.movers(5) == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [1.08, 1.15, 1.25])
def test_a_small_shift_that_stays_keeps_firing_and_does_not_flap(size: float) -> None:
    story = learned(Story(settings(only=DRIFT, events=4000), batch=256, seed=3))
    story.events(40_000, shifted(amount=lambda x: x * size))

    assert story.episodes("FeatureDrift") <= 1
    if size > 1.1:
        assert names(story.conditions()) == ["FeatureDrift:amount"]


def test_drift_to_another_shift_keeps_firing() -> None:
    story = learned(Story(settings(only=DRIFT)))
    story.events(1000, shifted(amount=lambda x: x * 100))
    story.events(6000, shifted(amount=lambda x: x / 100))

    assert names(story.conditions()) == ["FeatureDrift:amount"]
    assert story.episodes("FeatureDrift") == 1


def test_a_shift_that_stays_becomes_normal_only_where_that_is_configured() -> None:
    moved = shifted(amount=lambda x: x * 100)
    story = learned(Story(settings({"feature_drift": {"relearn_after": 3000}}, only=[*DRIFT, "error_rate"])))
    story.labels(1500)
    reported = story.events(2048, moved)
    story.events(2048, moved)
    relearning = names(story.conditions()), story.watch.reference.ready
    story.events(2500, moved)
    settled = names(story.conditions()), story.watch.reference.ready

    assert names(reported) == ["FeatureDrift:amount"]
    assert relearning == ([], False)
    assert settled == ([], True)
    assert names(story.events(512)) == ["FeatureDrift:amount"]
    assert "ErrorRateHigh" in names(story.labels(512, wrong=0.9))


def test_a_renamed_category_is_drift() -> None:
    story = learned(Story(settings(only=DRIFT), batch=64))
    conditions = story.events(64, shifted(country=lambda c: "Germany" if c == "DE" else c))

    assert names(conditions) == ["FeatureDrift:country"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (lambda rng: rng.random() < 0.1, lambda rng: rng.random() < 0.5, "share of"),
        (lambda rng: rng.choice("ab"), lambda rng: "a", "share of"),
        (lambda rng: int(rng.random() < 0.1), lambda rng: int(rng.random() < 0.5), "share of"),
        (lambda rng: rng.gauss(0, 1), lambda rng: rng.gauss(2, 1), "median"),
        (lambda rng: rng.gauss(0, 1), lambda rng: rng.gauss(0, 3), "middle 80 %"),
    ],
)
def test_answers_that_move_are_prediction_drift(
    before: Callable[[random.Random], Any], after: Callable[[random.Random], Any], says: str
) -> None:
    story = Story(settings(only=DRIFT))
    story.events(4000, answer=before)
    assert story.history == []
    moved = story.events(512, answer=after)
    story.events(2000, answer=before)

    assert names(moved) == ["PredictionDrift"]
    assert moved[0].reason == "predictions_moved"
    assert says in moved[0].summary
    assert re.search(r" in [\d,]+ events since ", sentence(Subject("m", "1", "live"), moved[0], story.now_ms))
    assert "PSI" not in moved[0].summary
    assert story.conditions() == []


def test_answers_that_move_name_the_features_that_may_have_moved_them() -> None:
    story = Story(settings(only=DRIFT))
    story.events(4000, answer=lambda rng: rng.gauss(0, 1))
    moved = story.events(1024, shifted(amount=lambda x: x * 30), answer=lambda rng: rng.gauss(2, 1))
    by_name = {condition.alertname: condition for condition in moved}

    assert set(by_name) == {"FeatureDrift", "PredictionDrift"}
    assert [mover.feature for mover in by_name["PredictionDrift"].features] == ["amount"]
    said = sentence(Subject("m", "1", "live"), by_name["PredictionDrift"], story.now_ms)
    assert said.endswith("; features that moved most: amount")
    assert "moved most" not in sentence(Subject("m", "1", "live"), by_name["FeatureDrift"], story.now_ms)


def test_failed_answers_do_not_enter_prediction_drift() -> None:
    story = learned(Story(settings(only=DRIFT)))

    assert story.events(3000, failing=0.9) == []


def test_nothing_is_drift_while_the_reference_is_learned() -> None:
    story = Story(settings(events=5000))
    story.events(2000)
    story.events(2000, shifted(amount=lambda x: x * 100))

    assert story.history == []
    assert not story.watch.reference.ready


def test_an_autocorrelated_feature_is_watched_in_blocks_and_stays_quiet() -> None:
    level = 0.0

    def walk(rng: random.Random) -> Features:
        nonlocal level
        level = 0.9 * level + rng.gauss(0, 1)
        return {"load": level}

    story = Story(settings(only=DRIFT, events=5000), batch=256)
    story.events(40_000, walk)
    quiet = list(story.history)
    moved = story.events(2048, lambda rng: {"load": 3 * float(str(walk(rng)["load"])) + 9})
    story.events(4096, walk)

    assert quiet == []
    assert names(moved) == ["FeatureDrift:load"]
    assert moved[0].detector == "block-CUSUM"
    assert story.conditions() == []
