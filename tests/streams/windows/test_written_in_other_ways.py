"""What a service may write otherwise, and the numbers must be the same: fallback answers, scores of some classes only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftbell.runtime.config.model import Config, Monitoring
from driftbell.schemas import Metric
from driftbell.streams.replay import Replay
from tests.streams.windows.stream import START, Row, Stream


def replayed(predictions: list[dict[str, Any]], labels: dict[str, Any]) -> Metric:
    """The metric record of one minute of predictions, and of what their labels say."""
    shared = {"model": "fraud", "version": "3"}
    records = [("predictions", START, json.dumps({**shared, **event}).encode()) for event in predictions]
    records += [
        ("feedback", START + 1, json.dumps({"model": "fraud", "prediction_id": name, "label": label}).encode())
        for name, label in labels.items()
    ]
    replay = Replay(Config())
    assert not [letter for step in replay.run(records) for letter in step.dead_letters]
    (metric,) = replay.unfinished_windows()
    return metric


@pytest.mark.parametrize(("answers", "fallback"), [(("yes", "no"), "no"), ((1.5, 4.25), -1000.0)])
def test_the_fallback_that_a_failed_prediction_carries_is_no_answer(answers: tuple[Any, Any], fallback: Any) -> None:
    good = [{"prediction_id": f"g{n}", "prediction": answers[n % 2]} for n in range(10)]
    bad = [{"prediction_id": f"b{n}", "error": "timeout"} for n in range(5)]
    labels = {event["prediction_id"]: answers[n % 3 > 1] for n, event in enumerate(good + bad)}
    silent = replayed(good + bad, labels)
    assert (silent.values["failures"], silent.labels) == (5.0, 15)
    assert replayed(good + [{**event, "prediction": fallback} for event in bad], labels) == silent


def own(says: str, chance: float) -> dict[str, float]:
    return {says: chance if says == "yes" else 1 - chance}


Writing = Callable[[str, float], Any]
WRITINGS: dict[str, Writing] = {
    "both classes": lambda _, chance: {"yes": chance, "no": 1 - chance},
    "only the class that was answered": own,
    "only the positive class": lambda _, chance: {"yes": chance},
    "only the negative class": lambda _, chance: {"no": 1 - chance},
    "now one, now both": lambda says, chance: own(says, chance) if chance > 0.7 else {"no": 1 - chance, "yes": chance},
}


@pytest.mark.parametrize("positive", [None, "yes", "no"])
@pytest.mark.parametrize("writing", WRITINGS)
@settings(max_examples=20, deadline=None)
@given(
    chances=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30),
    labels=st.lists(st.sampled_from(["yes", "no"]), min_size=60, max_size=60),
    restart=st.booleans(),
)
def test_scores_of_one_class_tell_as_much_as_those_of_both(
    writing: str, positive: str | None, chances: list[float], labels: list[str], restart: bool
) -> None:
    def played(write: Writing) -> dict[str, float]:
        stream = Stream(Monitoring(positive_class=positive))
        rows = [Row(says := "yes" if p >= 0.5 else "no", scores=write(says, p)) for p in chances]
        stream.predict([*rows, Row("yes"), Row("no")])
        stream.label([(row, label, 1.0) for row, label in zip(rows, labels, strict=False)])
        if restart:
            stream.restart()
        # Amended: all that was counted is taken out again.
        stream.label([(row, label, 2.0) for row, label in zip(rows[::2], labels[30:], strict=False)])
        return stream.last().values

    number = played(lambda _, chance: chance if positive != "no" else 1 - chance)
    assert {"log_loss", "brier_score_loss"} <= number.keys()
    for name in ("log_loss", "brier_score_loss", "accuracy_score"):
        assert played(WRITINGS[writing])[name] == pytest.approx(number[name], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("writing", WRITINGS)
def test_the_area_under_the_curve_is_the_same_however_scores_are_written(writing: str) -> None:
    random = np.random.default_rng(11)
    chances = random.random(2000)
    true = random.random(2000) < chances
    rows = [
        Row(says := "yes" if p > 0.5 else "no", "yes" if y else "no", scores=WRITINGS[writing](says, float(p)))
        for p, y in zip(chances, true, strict=True)
    ]
    assert Stream().run(rows)["roc_auc_score"] == pytest.approx(sk.roc_auc_score(true, chances), abs=0.003)


def test_log_loss_of_three_classes_takes_a_class_without_a_score_as_impossible() -> None:
    random = np.random.default_rng(5)
    names = ["a", "b", "c"]
    chances = random.dirichlet([1, 1, 1], 300)
    # Every other event names its two likeliest classes alone.
    chances[::2, :][np.arange(150), chances[::2].argmin(axis=1)] = 0
    chances /= chances.sum(axis=1, keepdims=True)
    true = [int(random.choice(3, p=p)) for p in chances]
    rows = [
        Row(names[int(p.argmax())], names[y], scores={name: float(q) for name, q in zip(names, p, strict=True) if q})
        for p, y in zip(chances, true, strict=True)
    ]
    assert Stream().run(rows)["log_loss"] == pytest.approx(sk.log_loss(true, chances), rel=1e-9)


def test_one_class_of_three_tells_nothing_and_spoils_nothing() -> None:
    rows = [Row("a", "b", scores={"a": 0.9}), Row("b", "b", scores={"a": 0.1, "b": 0.8, "c": 0.1}), Row("c", "c")]
    assert Stream().run(rows)["log_loss"] == pytest.approx(-np.log(0.8))


def test_a_score_under_a_name_that_is_no_class_is_left_out() -> None:
    values = Stream().run([Row("yes", "no", scores={"score": 0.5}), Row("no", "no")])
    assert "log_loss" not in values and values["accuracy_score"] == 0.5
