"""Data in which nothing changes pages nobody, whatever it looks like; and what cannot be watched is said."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from driftbell.runtime.config.model import Reference as ReferenceSettings
from driftbell.schemas import Prediction
from driftbell.streams.monitors.watch import ModelWatch
from driftbell.streams.reference import Caveat, Unwatched
from driftbell.streams.subject import Subject
from tests.cases import case, events, run
from tests.streams import stories
from tests.streams.stories import STEP_MS, Features, Story

#: A Wednesday afternoon in November 2026.
NOON_MS = 1_795_000_000_000
DAY_MS = 86_400_000

Feature = Callable[[random.Random, int], Any]


def date_number(rng: random.Random, at_ms: int) -> int:
    """The day as 20261118, without a time zone."""
    day = at_ms // DAY_MS
    return 20_261_100 + day - (NOON_MS // DAY_MS) + 18


#: Every kind of stream that paged though nothing changed; each takes the time in epoch milliseconds.
QUIET: dict[str, Feature] = {
    "always null": lambda rng, at: None,
    "null in 98 %": lambda rng, at: 1.5 if rng.random() < 0.02 else None,
    "null in 99.9 %": lambda rng, at: 1.5 if rng.random() < 0.001 else None,
    "120 equal categories": lambda rng, at: f"s{rng.randrange(120)}",
    "180 equal categories": lambda rng, at: f"s{rng.randrange(180)}",
    "240 equal categories": lambda rng, at: f"s{rng.randrange(240)}",
    "450 equal categories": lambda rng, at: f"s{rng.randrange(450)}",
    "categories with a long tail": lambda rng, at: f"c{int(rng.paretovariate(0.8))}"[:8],
    "epoch in ms": lambda rng, at: at,
    "epoch in ms, out of order": lambda rng, at: at - rng.randrange(3000),
    "epoch in s": lambda rng, at: at // 1000,
    "consecutive id": lambda rng, at: 9_876_543_210 + at // STEP_MS * 3 + rng.randrange(3),
    "random id": lambda rng, at: rng.randrange(2**53),
    "the date as a number": date_number,
    "the date as text": lambda rng, at: f"2026-11-{at // DAY_MS - NOON_MS // DAY_MS + 18}",
    "the year": lambda rng, at: 2026,
    "midnight": lambda rng, at: at // DAY_MS * 86_400,
    "nearly constant": lambda rng, at: 7.0 if rng.random() < 0.0005 else 3.0,
    "constant": lambda rng, at: 3.0,
}
ANSWERS: dict[str, Callable[[random.Random, float], tuple[Any, Any]]] = {
    "wrong in 98 %": lambda rng, _: (rng.randrange(50), rng.randrange(50)),
    "always wrong": lambda rng, _: ("a", "b"),
    "never wrong": lambda rng, _: ("a", "a"),
    "exact numbers": lambda rng, _: (value := rng.gauss(0, 1), value),
    "one label in a hundred is dirty": lambda rng, _: (
        rng.gauss(0, 1),
        "n/a" if rng.random() < 0.01 else rng.gauss(0, 1),
    ),
}


def length(long: int, short: int) -> int:
    """Events of a quiet stream: a short run by default, the long one by option (DRIFTBELL_LONG=1)."""
    return long if os.environ.get("DRIFTBELL_LONG") == "1" else short


def quiet(kind: Feature, seed: int = 1) -> Story:
    """A story whose events hold one feature of that kind and start two hours before midnight."""
    story = Story(stories.settings(events=5000), seed=seed)
    start = NOON_MS // DAY_MS * DAY_MS + DAY_MS - 5500 * STEP_MS
    story.now_ms = start
    made = 0

    def features(rng: random.Random) -> Features:
        nonlocal made
        made += 1
        return {"x": kind(rng, start + made * STEP_MS), "amount": rng.lognormvariate(3, 1)}

    story.events(length(1_000_000, 12_000), features)
    return story


@pytest.mark.parametrize("kind", QUIET)
def test_a_feature_that_is_always_like_this_pages_nobody(kind: str) -> None:
    story = quiet(QUIET[kind])

    assert story.history == [], kind


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_model_that_is_always_like_this_pages_nobody(kind: str) -> None:
    story = Story(stories.settings(only=["error_rate"]))
    story.labels(length(1_000_000, 20_000), pair=ANSWERS[kind])

    assert story.history == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "F03_always_null_and_sparse",
        "F07_timestamp_and_id_features",
        "F08_200_equal_stores",
        "F10_98_percent_wrong_by_nature",
        "F14_date_as_number",
    ],
)
def test_the_case_pages_nobody(name: str) -> None:
    assert run(events(case(f"{name}.jsonl.gz"))).firing == []


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("epoch in ms", Unwatched.MONOTONIC),
        ("epoch in ms, out of order", Unwatched.MONOTONIC),
        ("consecutive id", Unwatched.MONOTONIC),
        ("the date as a number", Unwatched.CALENDAR),
        ("the date as text", Unwatched.CALENDAR),
        ("midnight", Unwatched.CALENDAR),
        ("random id", None),
        ("180 equal categories", None),
    ],
)
def test_what_is_not_watched_is_said_with_the_reason(kind: str, why: Unwatched | None) -> None:
    assert quiet(QUIET[kind]).watch.unwatched().get("x") is why


def test_one_store_of_two_hundred_that_takes_over_is_found() -> None:
    story = Story(stories.settings(events=5000))
    story.events(8000, lambda rng: {"store": f"s{rng.randrange(200)}"})
    assert story.history == []
    found = story.events(2000, lambda rng: {"store": "s7" if rng.random() < 0.2 else f"s{rng.randrange(200)}"})

    assert stories.names(found) == ["FeatureDrift:store"]
    assert "'s7'" in found[0].summary or "rarer values such as" in found[0].summary


def test_a_null_rate_of_98_percent_that_becomes_all_is_found() -> None:
    story = Story(stories.settings(events=5000))
    story.events(6000, lambda rng: {"x": 1.5 if rng.random() < 0.05 else None})
    found = story.events(3000, lambda rng: {"x": None})

    assert "MissingValues:x" in stories.names(found)
    (missing,) = [condition for condition in found if condition.alertname == "MissingValues"]
    assert "rose from 9" in missing.summary
    assert "to 100.0 %" not in missing.summary.split(" in ")[0] or "from 100.0 %" not in missing.summary


def test_a_large_number_with_a_small_spread_is_watched_exactly() -> None:
    story = Story(stories.settings(events=5000))
    story.events(6000, lambda rng: {"x": 1.8e12 + rng.gauss(0, 10)})
    assert story.history == []
    (found,) = [c for c in story.events(600, lambda rng: {"x": 1.8e12 + rng.gauss(12, 10)}) if "Drift" in c.alertname]

    assert found.labels == {"feature": "x"}


@pytest.mark.slow
def test_predictions_that_change_their_type_are_told() -> None:
    firing = run(events(case("F06_prediction_becomes_text.jsonl.gz"))).firing

    (page,) = [page for page in firing if page.startswith("WrongType: ")]
    assert "wrong-type rate of prediction rose from 0.0 % to" in page


@pytest.mark.parametrize(("before", "now"), [(1, "1"), (1.5, "ERROR"), ("yes", True), (True, "true")])
@pytest.mark.parametrize("restart", [False, True])
def test_a_prediction_of_another_type_is_a_wrong_type(before: Any, now: Any, restart: bool) -> None:
    story = Story(stories.settings(only=["wrong_type"], events=1000), restart=restart)
    story.events(1500, answer=lambda rng: before)
    assert story.conditions() == []
    (condition,) = story.events(128, answer=lambda rng: now)

    assert (condition.alertname, condition.labels) == ("WrongType", {"column": "prediction"})
    assert story.events(1000, answer=lambda rng: before) == []


def test_a_feature_that_appears_later_is_listed_and_can_be_learned() -> None:
    listed = Story(stories.settings(events=1000), restart=True)
    listed.events(1200)
    listed.events(1500, lambda rng: stories.ordinary(rng) | {"fresh": rng.gauss(0, 1)})

    assert listed.watch.unwatched() == {"fresh": Unwatched.APPEARED_LATER}

    learned = Story(stories.settings(reference=ReferenceSettings(events=1000, new_features="relearn")), restart=True)
    learned.events(1200)
    learned.events(3000, lambda rng: stories.ordinary(rng) | {"fresh": rng.gauss(0, 1)})
    assert learned.watch.unwatched() == {}
    found = learned.events(1000, lambda rng: stories.ordinary(rng) | {"fresh": rng.gauss(5, 1)})

    assert "FeatureDrift:fresh" in stories.names(found)


def test_what_a_reference_lacks_is_said() -> None:
    short = Story(stories.settings(events=500))
    short.events(600)
    assert short.watch.caveats() == [Caveat.TOO_SMALL, Caveat.SHORTER_THAN_A_DAY]

    made = 0

    def rising(rng: random.Random) -> Features:
        nonlocal made
        made += 1
        return {"x": rng.gauss(made / 1000, 1)}

    moving = Story(stories.settings(events=3000), restart=True)
    moving.events(3200, rising)
    assert moving.watch.caveats() == [Caveat.SHORTER_THAN_A_DAY, Caveat.NOT_SETTLED]


@pytest.mark.slow
def test_the_metrics_say_what_a_reference_lacks() -> None:
    outcome = run(events(case("F07_timestamp_and_id_features.jsonl.gz")))

    assert outcome.metrics[-1].reference_caveats == ["shorter_than_a_day"]
    assert outcome.metrics[-1].unwatched == dict.fromkeys(("event_ms", "event_s", "txn_id"), "monotonic")


def test_versions_that_change_too_often_to_learn_anything_are_told() -> None:
    settings = stories.settings(events=1000)
    watch = ModelWatch(Subject("fraud", "", "live"), settings)
    now = 0

    def deploy(version: str, count: int) -> list[str]:
        nonlocal now
        now += count
        made = [
            Prediction(prediction_id="p", model="fraud", version=version, timestamp=0, features={}, prediction=True)
        ] * count
        watch.on_predictions(stories.batch_of(made, now))
        return [condition.alertname for condition in watch.conditions(now)]

    assert [deploy(f"v{n}", 700) for n in range(4)] == [[]] * 4
    assert deploy("v4", 700) == ["NothingLearned"]
    assert "5 versions came in 3,500 predictions" in watch.conditions(now)[0].summary
    assert deploy("v4", 700) == []
