"""One answer written in many ways, dirty labels, and scores that are no probabilities: what a person would see."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftbell.runtime.config.model import Monitoring
from driftbell.streams.agreement import Task, agrees, class_name, number_of
from driftbell.streams.stats.task_finder import TaskFinder
from driftbell.streams.windows import Uncounted
from tests.cases import case, events, run
from tests.streams import stories
from tests.streams.stories import Story
from tests.streams.windows.stream import Row, Stream

WAYS: dict[int, list[Any]] = {
    1: [True, 1, 1.0, "1", "1.0", "True", "true", "TRUE"],
    0: [False, 0, 0.0, "0", "0.0", "False", "false"],
}
OTHERS = [2, 2.5, "2.5", "cat", "007", "1.10", "n/a", "", "yes", -1]


@given(st.sampled_from([0, 1]), st.data())
def test_true_1_and_their_texts_are_one_answer(truth: int, data: st.DataObject) -> None:
    left, right = data.draw(st.sampled_from(WAYS[truth])), data.draw(st.sampled_from(WAYS[truth]))
    other = data.draw(st.sampled_from([*WAYS[1 - truth], *OTHERS]))

    assert agrees(left, right)
    assert class_name(left) == class_name(right)
    assert number_of(left) == truth
    assert not agrees(left, other)
    assert class_name(left) != class_name(other)


@pytest.mark.parametrize(("left", "right"), [("1.10", "1.1"), ("007", "7"), ("1e3", 1000), ("1_000", 1000), ("yes", 1)])
def test_texts_that_only_look_like_a_number_are_texts(left: Any, right: Any) -> None:
    assert not agrees(left, right)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1])), min_size=2, max_size=30),
    st.data(),
)
def test_metrics_are_scikit_learns_however_predictions_labels_and_scores_are_written(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    if len({value for pair in pairs for value in pair}) < 2:
        return
    score = st.floats(0.01, 0.99)
    rows, chances = [], []
    for said, true in pairs:
        chance = data.draw(score)
        chances.append(chance)
        keys = data.draw(st.sampled_from(WAYS[0])), data.draw(st.sampled_from(WAYS[1]))
        scores = {str(keys[0]): 1 - chance, str(keys[1]): chance}
        rows.append(Row(data.draw(st.sampled_from(WAYS[said])), data.draw(st.sampled_from(WAYS[true])), scores=scores))
    values = Stream(Monitoring()).run(rows)
    labels, answers = [pair[1] for pair in pairs], [pair[0] for pair in pairs]

    assert values["accuracy_score"] == pytest.approx(sk.accuracy_score(labels, answers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f1 = float(sk.f1_score(labels, answers, zero_division=math.nan))
        assert values.get("f1_score", math.nan) == pytest.approx(f1, nan_ok=True)
        assert values["log_loss"] == pytest.approx(
            sk.log_loss(labels, [[1 - chance, chance] for chance in chances], labels=[0, 1]), rel=1e-6
        )


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=30),
    st.data(),
)
def test_errors_are_scikit_learns_though_numbers_come_as_text(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    def written(number: float) -> Any:
        return data.draw(st.sampled_from([number, repr(number)]))

    values = Stream(Monitoring(task="regression")).run([Row(written(said), written(true)) for said, true in pairs])

    expected = sk.mean_absolute_error([true for _, true in pairs], [said for said, _ in pairs])
    assert values["mean_absolute_error"] == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["word", "fraction", "classes", "counts"]), st.sampled_from(["n/a", 0.5, True, -1]), st.data())
def test_a_few_dirty_values_do_not_change_the_task(kind: str, dirt: Any, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 1000)))
    clean: dict[str, Callable[[], Any]] = {
        "word": lambda: rng.choice(["cat", "dog"]),
        "fraction": lambda: rng.gauss(100, 10),
        "classes": lambda: rng.randrange(5),
        "counts": lambda: rng.randrange(500),
    }
    finder = TaskFinder()
    values = [clean[kind]() for _ in range(500)]
    for at in rng.sample(range(500), 4):
        values[at] = dirt
    finder.update(values)

    assert finder.task is (Task.REGRESSION if kind in ("fraction", "counts") else Task.CLASSIFICATION)


def test_a_model_that_answers_true_where_the_label_says_1_is_right() -> None:
    outcome = run(events(case("F04_bool_vs_int_labels.jsonl.gz")))

    assert outcome.firing == []
    assert outcome.values["accuracy_score"] > 0.9
    assert outcome.values["f1_score"] > 0.5


@pytest.mark.slow
def test_one_dirty_label_leaves_a_regression_a_regression() -> None:
    rows = events(case("F05_one_dirty_label.jsonl.gz"))

    (page,) = run(rows).firing
    assert page.startswith("AbsoluteErrorHigh: mean absolute error of m v1 rose from 3.")

    quiet = [row for row in rows if row["timestamp"] < 1_795_000_390_000]
    late = [row | {"label": "n/a"} if row["timestamp"] > 1_795_000_320_000 and "label" in row else row for row in quiet]
    assert run(quiet).firing == []
    (page,) = run(late).firing
    assert page.startswith("BadLabels: ")
    assert "labels that are no numbers" in page
    assert "'n/a'" in page


@pytest.mark.slow
def test_scores_keyed_as_floats_are_found_by_whole_labels() -> None:
    rows = events(case("F11_score_keys_float.jsonl.gz"))
    as_text = [
        row | {"scores": {str(int(float(k))): v for k, v in row["scores"].items()}} if "scores" in row else row
        for row in rows
    ]
    values = run(rows).values

    assert values["log_loss"] == run(as_text).values["log_loss"] < 2


def test_logits_are_said_to_be_no_probabilities_and_give_no_log_loss() -> None:
    rows = [Row("bird", "bird", scores={"bird": 4.8, "cat": -0.8, "dog": -2.3}) for _ in range(5)]
    stream = Stream(Monitoring())

    assert "log_loss" not in stream.run(rows)
    assert stream.windows.uncounted == {Uncounted.SCORE_NOT_A_PROBABILITY: 5}


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (87.0, Uncounted.SCORE_NOT_A_PROBABILITY),
        ({"yes": 87.0, "no": 13.0}, Uncounted.SCORE_NOT_A_PROBABILITY),
        ({"yes": 0.9, "no": 0.8}, Uncounted.SCORES_NOT_SUMMING_TO_ONE),
        ({"a": 0.2, "b": 0.2, "c": 0.2}, Uncounted.SCORES_NOT_SUMMING_TO_ONE),
    ],
)
def test_percent_and_scores_of_several_labels_are_no_probabilities(scores: Any, reason: Uncounted) -> None:
    stream = Stream(Monitoring())
    values = stream.run([Row("yes", "yes", scores=scores), Row("no", "yes", scores=scores)])

    assert not {"log_loss", "brier_score_loss", "roc_auc_score"} & values.keys()
    assert stream.windows.uncounted == {reason: 2}


def test_of_classes_9_and_10_the_positive_one_is_10() -> None:
    rows = events(case("F12_classes_9_10.jsonl.gz"))
    values = run(rows).values
    made = {row["prediction_id"]: row for row in rows if "prediction" in row}
    labels = [row for row in rows if "label" in row]
    whole = sk.roc_auc_score([row["label"] for row in labels], [made[row["prediction_id"]]["scores"] for row in labels])

    assert whole > 0.6
    assert values["roc_auc_score"] > 0.5


def test_an_amendment_of_another_type_counts() -> None:
    row = Row(10.0, "n/a")
    stream = Stream(Monitoring(task="regression"))
    stream.predict([row])
    stream.label([(row, "n/a", 1.0)])
    stream.label([(row, 12.5, 1.0)])

    assert stream.last().values["mean_absolute_error"] == pytest.approx(2.5)
    assert stream.windows.uncounted == {Uncounted.LABEL_NOT_A_NUMBER: 1}


def test_a_reference_without_errors_invents_no_scale() -> None:
    story = Story(stories.settings(only=["error_rate"]))
    story.labels(1200, pair=lambda rng, _: (value := rng.gauss(5000, 1000), value))
    assert story.conditions() == []
    (condition,) = story.labels(2000, pair=lambda rng, _: (value := rng.gauss(5000, 1000), value * 1.001))

    assert condition.metric == "inexact_rate"
    assert condition.summary.startswith("share of inexact answers rose from 0.0 % to 100.0 %")


def test_labels_that_are_no_numbers_are_named_and_leave_the_error_alone() -> None:
    story = Story(stories.settings(only=["error_rate"]), restart=True)
    story.labels(1200, pair=lambda rng, _: (rng.gauss(0, 1), rng.gauss(0, 1)))
    found = story.labels(
        1500, pair=lambda rng, _: (rng.gauss(0, 1), "missing" if rng.random() < 0.2 else rng.gauss(0, 1))
    )

    (condition,) = found
    assert condition.alertname == "BadLabels"
    assert "'missing'" in condition.summary


def test_an_answer_that_is_no_number_is_an_error_of_a_regression() -> None:
    story = Story(stories.settings(only=["error_rate"]))
    story.labels(1200, pair=lambda rng, _: (rng.gauss(0, 1), rng.gauss(0, 1)))

    assert stories.names(story.labels(500, pair=lambda rng, _: ("ERROR", rng.gauss(0, 1)))) == ["AbsoluteErrorHigh"]


def test_statements_that_mean_the_same_are_counted_once() -> None:
    row = Row(True, 1)
    stream = Stream(Monitoring())
    stream.predict([row, Row(False, 0)])
    stream.label([(row, 1, 1.0)])
    stream.label([(row, True, 1.0)])
    stream.label([(row, "True", 1.0)])

    assert stream.last().values["accuracy_score"] == 1.0
