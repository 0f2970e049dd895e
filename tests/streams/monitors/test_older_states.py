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
from tests.streams.stories import SUBJECT, Features, Story, ordinary, settings

WRITTEN = Path(__file__).parent / "before_issue_7"
FORMAT = Format("state", 1)
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


CASES: dict[str, tuple[dict[str, dict[str, Any]], Callable[[Story], None]]] = {
    "learning": ({}, learning),
    "alarms": ({}, alarming),
    "adwin": (_ADWIN, alarming),
    "kswin": ({"error_rate": {"detector": "KSWIN"}}, alarming),
    "numbers": ({}, measuring),
}


@pytest.mark.parametrize("name", CASES)
def test_a_state_of_before_is_the_state_of_today_to_the_bit_and_goes_on_as_if_nothing_had_been(name: str) -> None:
    options, tell = CASES[name]
    story = Story(settings(options))
    tell(story)
    old = Watch(SUBJECT, story.settings)
    old.restore(FORMAT.decode((WRITTEN / f"{name}.state").read_bytes()))

    assert encode(old.state()) == encode(story.watch.state())
    assert old.conditions(story.now_ms) == story.conditions()

    position, now_ms = story.rng.getstate(), story.now_ms
    story.events(700)
    story.labels(700)
    wanted = encode(story.watch.state()), story.conditions()
    story.rng.setstate(position)
    story.watch, story.now_ms = old, now_ms
    story.events(700)
    story.labels(700)

    assert (encode(story.watch.state()), story.conditions()) == wanted


def test_what_was_a_list_has_names_now() -> None:
    plain = {"names": ["a"], "counts": np.array([7]), "rest": [1, 2, 3, 4]}
    categories = Categories.read(plain)

    assert (categories.other, categories.singletons, categories.uncertain, categories.every) == (1, 2, 3, 4)
    assert Categories.read(decode(encode(categories))).every == 4


def test_a_state_of_a_newer_release_is_refused_with_the_fix() -> None:
    with pytest.raises(NewerFormatError, match="run the newer release again"):
        LatencyState.read({"v": 2, "recent": []})
