"""States that the code before states were typed has written (``before_issue_7/``) are read by the code of today."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftbell.streams.encoding import Format, NewerFormatError, decode, encode
from driftbell.streams.monitors.service.latency import LatencyState
from driftbell.streams.monitors.watch import Watch
from driftbell.streams.reference import Categories
from tests.streams.stories import SUBJECT, Features, Story, names, ordinary, settings

WRITTEN = Path(__file__).parent / "before_issue_7"
FORMAT = Format("state", 2, checksum_since=2)
_ADWIN: dict[str, dict[str, Any]] = {"error_rate": {"detector": "ADWIN"}, "latency": {"slo_ms": 800}}


def learning(story: Story) -> None:
    """In the middle of the reference and of the first labels."""
    story.events(1000)
    story.labels(300)


def alarming(story: Story) -> None:
    """Nine of ten monitors have alarms."""

    def broken(rng: random.Random) -> Features:
        return {**ordinary(rng), "amount": None if rng.random() < 0.5 else 1e6, "country": "XX", "age": "1"}

    story.events(2200)
    story.labels(1200)
    for _ in range(3):
        story.events(256, broken, answer=lambda rng: rng.random() < 0.9, failing=0.3, latency=lambda rng: 900.0)
        story.labels(256, wrong=0.6)


def measuring(story: Story) -> None:
    """A regression with an autocorrelated feature, one that is an identifier, and alarms."""
    place = 0.0

    def wandering(rng: random.Random) -> Features:
        nonlocal place
        place = 0.95 * place + rng.gauss(0, 1)
        return {"x": place, "y": rng.gauss(0, 1), "flag": rng.random() < 0.5, "id": str(rng.random())}

    def pair(rng: random.Random, rate: float) -> tuple[float, float]:
        prediction = rng.gauss(0, 1)
        return prediction, prediction + rng.gauss(0, 1 + 10 * rate)

    story.events(2300, wandering, answer=lambda rng: rng.gauss(0, 1))
    story.labels(1300, 0.0, pair)
    story.events(200, wandering, answer=lambda rng: rng.gauss(3, 1))
    story.labels(600, 0.6, pair)


#: What fired when the states were written; "broken" is what the stream of ``alarming`` breaks.
_BROKEN = [
    "ErrorRateHigh",
    "FailureRateHigh",
    "FeatureDrift:amount",
    "FeatureDrift:country",
    "LatencyHigh",
    "MissingValues:amount",
    "OutOfRange:amount",
    "PredictionDrift",
    "UnseenCategory:country",
    "WrongType:age",
]
CASES: dict[str, tuple[dict[str, dict[str, Any]], Callable[[Story], None], list[str]]] = {
    "learning": ({}, learning, []),
    "alarms": ({}, alarming, _BROKEN),
    "adwin": (_ADWIN, alarming, _BROKEN),
    "kswin": ({"error_rate": {"detector": "KSWIN"}}, alarming, _BROKEN),
    "numbers": ({}, measuring, ["AbsoluteErrorHigh", "PredictionDrift"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_fired_when_a_state_of_before_was_written_fires_and_it_goes_on_to_the_bit(name: str) -> None:
    options, tell, fired = CASES[name]
    story = Story(settings(options))
    tell(story)
    story.watch = Watch(SUBJECT, story.settings)
    story.watch.restore(FORMAT.decode((WRITTEN / f"{name}.state").read_bytes()))
    now_ms, position = story.now_ms, story.rng.getstate()
    lifted = decode(encode(story.watch.state()))

    assert names(story.conditions()) == fired

    ends = []
    for restart in (False, True):
        story.watch = Watch(SUBJECT, story.settings)
        story.watch.restore(lifted)
        story.restart, story.now_ms = restart, now_ms
        story.rng.setstate(position)
        story.events(700)
        story.labels(700)
        ends.append((encode(story.watch.state()), story.conditions()))

    assert ends[0] == ends[1]


def test_what_was_a_list_has_names_now() -> None:
    plain = {"names": ["a"], "counts": np.array([7]), "rest": [1, 2, 3, 4]}
    categories = Categories.read(plain)

    assert (categories.other, categories.singletons, categories.uncertain, categories.every) == (1, 2, 3, 4)
    assert Categories.read(decode(encode(categories))).every == 4


def test_a_state_of_a_newer_release_is_refused_with_the_fix() -> None:
    with pytest.raises(NewerFormatError, match="run the newer release again"):
        LatencyState.read({"v": 2, "recent": []})
