"""More than two classes of every type, each written in every way: the metrics are scikit-learn's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftbell.runtime.config.model import Monitoring
from tests.streams.windows.stream import START, Row, Stream
from tests.streams.windows.test_against_scikit_learn import tied

#: By type: the classes, and for each the ways in which services write it.
TYPES: dict[str, list[list[Any]]] = {
    "whole numbers": [[n, float(n), str(n), repr(float(n))] for n in (-1, 2, 9, 10)],
    "fractions": [[n, repr(n)] for n in (-0.5, 0.5, 1.5, 2.25)],
    "texts": [["cat"], ["dog"], ["007"], ["1.10"], ["n/a"]],
    "booleans and a third": [
        [False, 0, 0.0, "0", "0.0", "False", "false"],
        [True, 1, 1.0, "1", "1.0", "True", "TRUE"],
        ["unknown"],
    ],
    "all of them": [[True, "true", 1], [2, "2.0"], [0.5, "0.5"], ["cat"], ["True story"]],
}
WEIGHTS = st.sampled_from([1.0, 1.0, 1.0, 0.5, 3.0])


class Labelled:
    """Predictions of one model, labels (some amended) in batches; by row the indices of the classes meant."""

    def __init__(self, classes: list[list[Any]], draw: Any) -> None:
        indices = st.integers(0, len(classes) - 1)
        self.size = draw(st.integers(3, 25))
        self.said = [draw(indices) for _ in range(self.size)]
        self.chances: list[list[float] | None] = []
        self.rows = []
        for said in self.said:
            raw = draw(st.none() | st.lists(st.floats(0.001, 1), min_size=len(classes), max_size=len(classes)))
            chances = None if raw is None else [one / sum(raw) for one in raw]
            self.chances.append(chances)
            scores = None
            if chances is not None:
                # Keys of JSON are texts.
                texts = [[way for way in ways if isinstance(way, str)] for ways in classes]
                scores = {draw(st.sampled_from(ways)): chance for ways, chance in zip(texts, chances, strict=True)}
            self.rows.append(Row(draw(st.sampled_from(classes[said])), scores=scores, made=START))
        self.batches: list[list[tuple[int, int, Any, float]]] = []
        for _ in range(draw(st.integers(1, 6))):
            batch = draw(st.lists(st.tuples(st.integers(0, self.size - 1), indices, WEIGHTS), min_size=1, max_size=10))
            self.batches.append(
                [(row, true, draw(st.sampled_from(classes[true])), weight) for row, true, weight in batch]
            )

    def play(self, *, restart: bool) -> dict[str, float]:
        stream = Stream(Monitoring(task="classification"))
        stream.predict(self.rows)
        for batch in self.batches:
            stream.label([(self.rows[row], label, weight) for row, _, label, weight in batch])
            if restart:
                stream.restart()
        return stream.last().values

    @property
    def truth(self) -> dict[int, tuple[int, float]]:
        """By row, the class of its last label, and its weight."""
        return {row: (true, weight) for batch in self.batches for row, true, _, weight in batch}

    @property
    def seen(self) -> set[int]:
        return {*self.said, *(true for batch in self.batches for _, true, _, _ in batch)}


#: The same of two classes, the positive one last: numbers by value, then texts.
PAIRS: dict[str, list[list[Any]]] = {
    "whole numbers": [[9, 9.0, "9"], [10, "10.0", "10"]],
    "fractions": [[-0.5, "-0.5"], [0.25, "0.25"]],
    "texts": [["fraud"], ["ok"]],
    "booleans": TYPES["booleans and a third"][:2],
    "a number and a text": [[1, "1", True], ["fraud"]],
}


@st.composite
def labelled(draw: st.DrawFn, types: dict[str, list[list[Any]]] = TYPES) -> tuple[int, Labelled]:
    classes = types[draw(st.sampled_from(sorted(types)))]
    return len(classes), Labelled(classes, draw)


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(labelled(), st.booleans())
def test_metrics_of_many_classes_are_scikit_learns_whatever_type_they_have_and_however_they_are_written(
    made: tuple[int, Labelled], restart: bool
) -> None:
    count, history = made
    values = history.play(restart=restart)
    rows = sorted(history.truth)
    true, weights = (list(column) for column in zip(*(history.truth[row] for row in rows), strict=True))
    said = [history.said[row] for row in rows]

    assert values["accuracy_score"] == near(sk.accuracy_score(true, said, sample_weight=weights))
    if len(history.seen) <= 2:
        return  # a binary model, as far as anybody can know
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert values["balanced_accuracy_score"] == near(sk.balanced_accuracy_score(true, said, sample_weight=weights))
        assert values.get("matthews_corrcoef", 0.0) == near(sk.matthews_corrcoef(true, said, sample_weight=weights))
        if len({*true, *said}) > 1:
            for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
                expected = score(true, said, sample_weight=weights, average="macro", zero_division=np.nan)
                assert values.get(f"{name}_score", np.nan) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    scored = [row for row in rows if history.chances[row] is not None]
    if not scored:
        assert "log_loss" not in values
        return
    expected = sk.log_loss(
        [history.truth[row][0] for row in scored],
        [history.chances[row] for row in scored],
        sample_weight=[history.truth[row][1] for row in scored],
        labels=range(count),
    )
    assert values["log_loss"] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert "roc_auc_score" not in values, "of two classes only"


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(labelled(PAIRS), st.booleans())
def test_metrics_of_two_classes_are_scikit_learns_whatever_type_they_have_and_however_they_are_written(
    made: tuple[int, Labelled], restart: bool
) -> None:
    _, history = made
    values = history.play(restart=restart)
    if len(history.seen) < 2:
        return  # which one is positive is not known
    rows = sorted(history.truth)
    true, weights = (list(column) for column in zip(*(history.truth[row] for row in rows), strict=True))
    said = [history.said[row] for row in rows]

    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = score(true, said, sample_weight=weights, zero_division=np.nan)
        assert values.get(f"{name}_score", np.nan) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    chances = {row: pair[1] for row in rows if (pair := history.chances[row]) is not None}
    if not chances:
        assert "log_loss" not in values
        return
    true, weights = (list(column) for column in zip(*(history.truth[row] for row in chances), strict=True))
    positive = list(chances.values())
    assert values["brier_score_loss"] == near(sk.brier_score_loss(true, positive, sample_weight=weights, pos_label=1))
    both = [[1 - one, one] for one in positive]
    assert values["log_loss"] == pytest.approx(sk.log_loss(true, both, sample_weight=weights, labels=[0, 1]), rel=1e-6)
    if len(set(true)) == 2:
        exact = sk.roc_auc_score(true, positive, sample_weight=weights)
        most = tied([bool(one) for one in true], np.array(positive), weights) / 2 + 1e-9
        assert values["roc_auc_score"] == pytest.approx(exact, abs=most)
    else:
        assert "roc_auc_score" not in values
