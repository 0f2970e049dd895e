from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from driftbell.streams.monitors.monitor import Condition
from tests.streams.stories import Features, Story, learned, names, ordinary, settings


def without(feature: str, share: float = 1.0) -> Callable[[random.Random], Features]:
    """Ordinary features, one missing in a share of events."""

    def make(rng: random.Random) -> Features:
        features = ordinary(rng)
        if rng.random() < share:
            del features[feature]
        return features

    return make


def replaced(feature: str, value: Any, share: float = 1.0) -> Callable[[random.Random], Features]:
    """Ordinary features, one replaced in a share of events."""

    def make(rng: random.Random) -> Features:
        features = ordinary(rng)
        if rng.random() < share:
            features[feature] = value
        return features

    return make


def one(conditions: list[Condition]) -> Condition:
    assert len(conditions) == 1, [c.summary for c in conditions]
    return conditions[0]


BREAKS = {
    "missing": (without("amount"), "MissingValues", "missing_rate_rose"),
    "null": (replaced("amount", None), "MissingValues", "missing_rate_rose"),
    "wrong_type": (replaced("amount", "12.50"), "WrongType", "wrong_type_rate_rose"),
    "wrong_type_of_boolean": (replaced("mobile", 1), "WrongType", "wrong_type_rate_rose"),
    "wrong_type_of_text": (replaced("country", 49), "WrongType", "wrong_type_rate_rose"),
    "unseen_category": (replaced("country", "XX"), "UnseenCategory", "unseen_category_rate_rose"),
    "out_of_range": (replaced("age", 9000), "OutOfRange", "out_of_range_rate_rose"),
    "out_of_range_below": (replaced("amount", -5.0), "OutOfRange", "out_of_range_rate_rose"),
}
QUALITY = ["missing", "wrong_type", "unseen_category", "out_of_range"]


@pytest.mark.parametrize("name", BREAKS)
def test_a_total_break_is_reported_within_one_small_batch_and_closed_after_the_fix(name: str) -> None:
    features, alertname, reason = BREAKS[name]
    story = learned(Story(settings(only=QUALITY), batch=32))
    broken = one(story.events(32, features))
    fixed_after = 0
    while story.conditions():
        story.events(32)
        fixed_after += 32

    assert (broken.alertname, broken.reason, broken.family) == (alertname, reason, "quality")
    assert broken.value == 1.0
    assert broken.window_events == 32
    assert fixed_after <= 320
    assert story.episodes(alertname) == 1


def test_the_sentence_says_what_a_person_needs() -> None:
    story = learned(Story(settings(only=["missing"]), batch=1024))
    condition = one(story.events(1024, without("amount", 0.4)))
    assert condition.value is not None

    assert (
        condition.summary == f"missing rate of amount rose from 0.0 % to {100 * condition.value:.1f} % in 1,024 events"
    )
    assert condition.value == pytest.approx(0.4, abs=0.05)
    assert condition.change_point_ms == story.now_ms - 10_240
    assert (condition.labels, condition.severity, condition.calibrated) == ({"feature": "amount"}, "warning", True)
    assert condition.monitor == "missing"


def test_a_rate_the_reference_had_is_normal() -> None:
    story = Story(settings(only=["missing"]))
    story.events(10_000, without("amount", 0.2))

    assert story.history == []
    assert names(story.events(2000, without("amount", 0.35))) == ["MissingValues:amount"]


def test_the_tolerance_is_an_option() -> None:
    strict = learned(Story(settings({"missing": {"tolerance": 0.0}}, only=["missing"])))
    lenient = learned(Story(settings({"missing": {"tolerance": 0.3}}, only=["missing"])))

    assert names(strict.events(4000, without("amount", 0.02))) == ["MissingValues:amount"]
    assert lenient.events(4000, without("amount", 0.25)) == []


def test_a_break_that_stays_keeps_firing_and_does_not_flap() -> None:
    story = learned(Story(settings(only=QUALITY), batch=64))
    story.events(20_000, without("amount", 0.05))

    assert story.episodes("MissingValues") == 1
    assert names(story.conditions()) == ["MissingValues:amount"]


def test_a_partial_fix_keeps_the_alert_open() -> None:
    story = learned(Story(settings(only=["missing"]), batch=64))
    story.events(512, without("amount"))
    story.events(10_000, without("amount", 0.1))

    assert names(story.conditions()) == ["MissingValues:amount"]
    assert story.episodes("MissingValues") <= 2


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.008, 0.01, 0.012, 0.015, 0.02])
def test_a_rate_near_the_threshold_does_not_flap(share: float) -> None:
    story = learned(Story(settings(only=["missing"]), batch=64, seed=5))
    story.events(40_000, without("amount", share))

    assert story.episodes("MissingValues") <= 1


def test_a_renamed_feature_is_missing_and_the_new_name_is_named() -> None:
    def renamed(rng: random.Random) -> Features:
        features = ordinary(rng)
        features["Amount"] = features.pop("amount")
        return features

    story = learned(Story(settings(only=QUALITY), batch=32))

    condition = one(story.events(32, renamed))
    assert names([condition]) == ["MissingValues:amount"]
    assert condition.summary.endswith("in 32 events; new in the same events: 'Amount'")


def test_many_broken_features_are_capped_and_the_rest_is_counted() -> None:
    def wide(rng: random.Random) -> Features:
        return {f"f{i:02}": rng.random() for i in range(30)}

    story = Story(settings({"missing": {"max_conditions": 5}}, only=["missing"]))
    story.events(2100, wide)
    broken = story.events(128, lambda rng: {"f00": 1.0})

    assert len(broken) == 5
    assert all("24 features more break" in c.summary for c in broken)


def test_failed_predictions_without_features_do_not_count_as_missing() -> None:
    story = learned(Story(settings(only=QUALITY)))

    assert story.events(2000, lambda rng: {}, failing=1.0) == []


def test_answers_without_any_features_do() -> None:
    story = learned(Story(settings(only=QUALITY)))

    assert len(story.events(128, lambda rng: {})) == 4


def test_high_cardinality_is_named_and_not_compared() -> None:
    def with_id(rng: random.Random) -> Features:
        return {**ordinary(rng), "user": f"u{rng.randrange(10**9)}"}

    story = Story(settings())
    story.events(8000, with_id)

    assert story.watch.unwatched() == {"user": "high_cardinality"}
    assert story.history == []
    assert names(story.events(64)) == ["MissingValues:user"]
