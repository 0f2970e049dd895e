from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftbell.runtime.config.model import Monitoring
from tests.streams.windows.stream import START, Row, Stream

WEIGHTS = st.sampled_from([1.0, 1.0, 0.5, 3.0, 0.1])


@st.composite
def histories(draw: st.DrawFn, answers: st.SearchStrategy[Any], scores: st.SearchStrategy[Any]) -> Any:
    """Rows of one window, then a list of (row, label, weight) with amendments, cut into batches."""
    size = draw(st.integers(1, 25))
    rows = [Row(draw(answers), scores=draw(scores), made=START + n) for n in range(size)]
    labels = [(draw(st.integers(0, size - 1)), draw(answers), draw(WEIGHTS)) for _ in range(draw(st.integers(1, 50)))]
    cuts = draw(st.lists(st.integers(1, 10), min_size=50, max_size=50))
    return rows, labels, cuts


def play(history: Any, config: Monitoring, restart: bool) -> tuple[dict[str, float], list[Row]]:
    rows, labels, cuts = history
    stream = Stream(config)
    stream.predict(rows)
    rest = list(labels)
    for cut in cuts:
        if rest:
            stream.label([(rows[n], label, weight) for n, label, weight in rest[:cut]])
            rest = rest[cut:]
            if restart:
                stream.restart()
    return stream.last().values, [row for row in rows if row.labelled]


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def same(values: dict[str, float], name: str, expected: float) -> None:
    """Undefined by scikit-learn (nan) is absent here."""
    if math.isnan(expected):
        assert name not in values
    else:
        assert values[name] == near(expected)


CLASSES = st.sampled_from(["cat", "dog", "emu", "fox"])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(histories(CLASSES, st.none()), st.booleans())
def test_multiclass_metrics_are_scikit_learns(history: Any, restart: bool) -> None:
    config = Monitoring(positive_class=None)
    values, rows = play(history, config, restart)
    true, said = [row.label for row in rows], [row.prediction for row in rows]
    weights = [row.weight for row in rows]
    assert values["accuracy_score"] == near(sk.accuracy_score(true, said, sample_weight=weights))
    everything = {row.prediction for row in history[0]} | {label for _, label, _ in history[1]}
    if len(everything) <= 2:
        return
    classes = sorted(set(true) | set(said))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(values, "balanced_accuracy_score", sk.balanced_accuracy_score(true, said, sample_weight=weights))
        matthews = sk.matthews_corrcoef(true, said, sample_weight=weights)
        assert values.get("matthews_corrcoef", 0.0) == near(matthews)
        if len(classes) < 2:
            assert "precision_score" not in values
            return
        for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            expected = score(true, said, sample_weight=weights, average="macro", zero_division=np.nan)
            same(values, f"{name}_score", float(expected))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    histories(st.booleans(), st.none() | st.floats(0, 1) | st.sampled_from([0.0, 1.0])),
    st.booleans(),
    st.sampled_from([None, "true", "false"]),
)
def test_binary_metrics_are_scikit_learns(history: Any, restart: bool, positive: str | None) -> None:
    values, rows = play(history, Monitoring(positive_class=positive), restart)
    is_positive = positive != "false"
    seen = {row.prediction for row in history[0]} | {label for _, label, _ in history[1]}
    if positive is None and len(seen) < 2:
        assert "precision_score" not in values
        return
    true = [row.label is is_positive for row in rows]
    said = [row.prediction is is_positive for row in rows]
    weights = [row.weight for row in rows]
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        same(values, f"{name}_score", float(score(true, said, sample_weight=weights, zero_division=np.nan)))
    everyone = history[0]
    assert values["selection_rate"] == near(sum(row.prediction is is_positive for row in everyone) / len(everyone))
    scored = [row for row in rows if row.scores is not None]
    if not scored:
        assert "log_loss" not in values
        return
    true = [row.label is is_positive for row in scored]
    chance = np.array([row.scores for row in scored])
    weights = [row.weight for row in scored]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.log_loss(
            true, np.stack([1 - chance, chance], axis=1), sample_weight=weights, labels=[False, True]
        )
        brier = sk.brier_score_loss(true, chance, sample_weight=weights, pos_label=True)
    assert values["log_loss"] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert values["brier_score_loss"] == near(brier)
    if len(set(true)) == 2:
        exact = sk.roc_auc_score(true, chance, sample_weight=weights)
        assert values["roc_auc_score"] == pytest.approx(exact, abs=tied(true, chance, weights) / 2 + 1e-9)
    else:
        assert "roc_auc_score" not in values


def tied(true: list[bool], chance: np.ndarray[Any, Any], weights: list[float]) -> float:
    """Share of (positive, negative) pairs whose logits are within a bin's width, so that they may count as tied."""
    logit = np.log(np.clip(chance, 1e-300, 1)) - np.log(np.clip(1 - chance, 1e-300, 1))
    logit = np.clip(logit, -8.3, 8.3)
    pairs = close = 0.0
    for i, yes in enumerate(true):
        for j, other in enumerate(true):
            if yes and not other:
                pairs += weights[i] * weights[j]
                close += weights[i] * weights[j] * bool(abs(logit[i] - logit[j]) <= 16 / 62 + 0.31)
    return close / pairs


def test_the_area_under_the_curve_is_near_the_exact_one_even_for_rare_events() -> None:
    random = np.random.default_rng(7)
    true = random.random(20_000) < 0.01
    chance = 1 / (1 + np.exp(-(random.normal(-5, 1, 20_000) + 1.5 * true)))
    values = Stream().run([Row(bool(p > 0.5), bool(y), scores=float(p)) for p, y in zip(chance, true, strict=True)])
    assert values["roc_auc_score"] == pytest.approx(sk.roc_auc_score(true, chance), abs=0.003)
    assert values["log_loss"] == near(sk.log_loss(true, chance))


NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.sampled_from([0.5, 0.0, 1e6])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(histories(NUMBERS, st.none()), st.booleans())
def test_regression_metrics_are_scikit_learns(history: Any, restart: bool) -> None:
    values, rows = play(history, Monitoring(task="regression"), restart)
    true, said = np.array([row.label for row in rows]), np.array([row.prediction for row in rows])
    weights = np.array([row.weight for row in rows])
    # Amended labels of up to a million leave this much rounding behind.
    scale = max(abs(label) for _, label, _ in history[1]) + np.abs(said).max() + 1

    def close(value: float, unit: float) -> Any:
        return pytest.approx(value, rel=1e-6, abs=1e-9 * unit)

    assert values["mean_absolute_error"] == close(sk.mean_absolute_error(true, said, sample_weight=weights), scale)
    squared = sk.mean_squared_error(true, said, sample_weight=weights)
    assert values["root_mean_squared_error"] ** 2 == close(squared, scale**2)
    if (np.abs([label for _, label, _ in history[1]]) > 1e-3).all():
        relative = sk.mean_absolute_percentage_error(true, said, sample_weight=weights)
        assert values["mean_absolute_percentage_error"] == close(relative, scale * 1e3)
    if len(true) >= 2 and true.std() > 1e-3 * scale:
        assert values["r2_score"] == pytest.approx(sk.r2_score(true, said, sample_weight=weights), rel=1e-4, abs=1e-4)
    assert values["mean_prediction"] == pytest.approx(
        np.mean([row.prediction for row in history[0]]), rel=1e-9, abs=1e-6
    )


def test_r2_survives_large_labels() -> None:
    random = np.random.default_rng(3)
    true = 1e9 + random.normal(0, 1, 500)
    said = true + random.normal(0, 0.5, 500)
    values = Stream().run([Row(float(p), float(y)) for p, y in zip(said, true, strict=True)])
    assert values["r2_score"] == pytest.approx(sk.r2_score(true, said), abs=1e-4)


def test_log_loss_of_several_classes_is_scikit_learns() -> None:
    random = np.random.default_rng(5)
    chances = random.dirichlet([1, 1, 1], 200)
    names = ["a", "b", "c"]
    true = random.choice(3, 200)
    rows = [
        Row(names[int(p.argmax())], names[y], scores=dict(zip(names, map(float, p), strict=True)))
        for p, y in zip(chances, true, strict=True)
    ]
    assert Stream().run(rows)["log_loss"] == near(sk.log_loss(true, chances))


def test_quantiles_of_latency_are_within_the_stated_error() -> None:
    latency = np.random.default_rng(1).lognormal(3, 1, 5000)
    values = Stream().run([Row(True, latency=float(ms)) for ms in latency])
    for share, name in ((0.5, "latency_p50_ms"), (0.95, "latency_p95_ms"), (0.99, "latency_p99_ms")):
        assert values[name] == pytest.approx(np.quantile(latency, share, method="inverted_cdf"), rel=0.021)
