from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import MAX_SERIES, Metric, decode_metric, encode_metric
from driftbell.streams.agreement import agrees, class_name
from driftbell.streams.encoding import BadStateError, encode, pack
from driftbell.streams.windows import MetricWindows, Uncounted
from driftbell.streams.windows.window import Window
from tests.streams.windows.stream import START, SUBJECT, Row, Stream

MINUTE = 60_000


def test_a_window_is_published_once_soon_after_its_end() -> None:
    stream = Stream()
    stream.predict(
        [Row(True, made=START + 59_999), Row(None, error="boom", made=START), Row(False, made=START + 60_000)]
    )
    assert stream.windows.due_ms() == START + MINUTE + 15_000
    assert stream.windows.collect(START + MINUTE + 14_999) == []
    (metric,) = stream.windows.collect(START + MINUTE + 15_000)
    assert (metric.model, metric.version, metric.variant) == ("fraud", "3", "live")
    assert (metric.window_start, metric.window_end) == ("2026-09-21T14:14:00.000Z", "2026-09-21T14:15:00.000Z")
    assert (metric.predictions, metric.labels, metric.revision, metric.provisional) == (2, 0, 1, True)
    assert metric.values == {"failures": 1.0, "failure_rate": 0.5, "label_coverage": 0.0, "selection_rate": 1.0}
    assert stream.windows.collect(START + MINUTE + 16_000) == []
    assert decode_metric(encode_metric(metric)) == metric


def test_labels_publish_the_window_again_with_a_higher_revision() -> None:
    stream = Stream()
    rows = [Row(True), Row(False), Row(True)]
    stream.predict(rows)
    stream.windows.collect(START + 2 * MINUTE)
    stream.now = START + 3 * MINUTE
    stream.label([(rows[0], True, 1.0), (rows[1], True, 1.0)])
    assert stream.windows.due_ms() == START + 3 * MINUTE + 15_000
    (metric,) = stream.windows.collect(START + 4 * MINUTE)
    assert (metric.revision, metric.predictions, metric.labels) == (2, 3, 2)
    assert metric.values["accuracy_score"] == 0.5
    assert metric.values["label_coverage"] == pytest.approx(2 / 3)
    stream.label([(rows[1], False, 1.0)])
    (metric,) = stream.windows.collect(START + 9 * MINUTE)
    assert (metric.revision, metric.labels, metric.values["accuracy_score"]) == (3, 2, 1.0)


def test_an_old_window_is_not_published_for_every_label() -> None:
    stream = Stream()
    rows = [Row(True) for _ in range(600)]
    stream.predict(rows)
    published = 0
    for n, row in enumerate(rows):
        stream.now = START + n * 10_000
        stream.label([(row, True, 1.0)])
        published += len(stream.windows.collect(stream.now))
    assert 10 < published < 40


def test_labels_before_the_end_of_the_window_are_in_the_first_record() -> None:
    stream = Stream()
    rows = [Row(True)]
    stream.predict(rows)
    stream.label([(rows[0], True, 1.0)])
    (metric,) = stream.windows.collect(START + 2 * MINUTE)
    assert (metric.revision, metric.labels) == (1, 1)


def test_a_late_prediction_publishes_its_window_again() -> None:
    stream = Stream()
    stream.predict([Row(True, latency=5.0)])
    (first,) = stream.windows.collect(START + 2 * MINUTE)
    stream.now = START + 5 * MINUTE
    stream.predict([Row(True, latency=500.0), Row(True, made=stream.now)])
    (second,) = stream.windows.collect(START + 6 * MINUTE)
    assert (second.window_start, second.revision, second.predictions) == (first.window_start, 2, 2)
    # Quantiles are those of the first record.
    assert second.values["latency_p99_ms"] == first.values["latency_p99_ms"]


def test_windows_are_bounded_and_say_when_they_close() -> None:
    stream = Stream()
    rows = [Row(True, made=START + n * MINUTE) for n in range(500)]
    last: dict[str, Metric] = {}
    finals = []
    for row in rows:
        stream.now = row.made
        stream.predict([row])
        stream.label([(row, True, 1.0)])
        for metric in stream.windows.collect(row.made):
            last[metric.window_start] = metric
            finals += [] if metric.provisional else [metric]
    assert len(finals) == 380
    assert [metric.window_start for metric in finals] == sorted(last)[:380]
    assert len(encode(stream.windows.state())) < 120 * 200
    stream.label([(rows[0], False, 1.0), (Row(True, made=START), True, 1.0)])
    assert stream.windows.uncounted == {Uncounted.LABEL_TOO_LATE: 1}
    stream.predict([Row(True, made=START)])
    assert stream.windows.uncounted[Uncounted.PREDICTION_TOO_OLD] == 1


def test_a_quiet_window_costs_little() -> None:
    stream = Stream()
    for n in range(100):
        stream.now = START + n * MINUTE
        stream.predict([Row(True, made=stream.now)])
        stream.windows.collect(stream.now)
    assert len(encode(stream.windows.state())) < 100 * 80


def test_closing_publishes_what_has_not_been_published() -> None:
    stream = Stream()
    rows = [Row(True), Row(False, made=START + MINUTE)]
    stream.predict(rows)
    stream.windows.collect(START + MINUTE + 15_000)
    (metric,) = stream.windows.close(START + MINUTE + 16_000)
    assert (metric.window_start, metric.provisional) == ("2026-09-21T14:15:00.000Z", False)
    assert stream.windows.due_ms() is None
    assert stream.windows.close(START + MINUTE + 17_000) == []


def test_another_width_forgets_the_windows_and_keeps_the_classes() -> None:
    stream = Stream()
    stream.run([Row("a", "b")])
    stream.predict([Row("a")])
    other = MetricWindows(SUBJECT, Monitoring(metrics_window=300.0))
    other.restore(stream.windows.state())
    assert other.due_ms() is None
    assert other.state().answers == stream.windows.state().answers


def test_more_classes_than_are_kept_count_as_other_and_accuracy_stays_exact() -> None:
    rows = [Row(f"c{n}", f"c{n}" if n % 2 else f"c{n + 1}") for n in range(50)]
    values = Stream(Monitoring(task="classification")).run(rows)
    assert values["accuracy_score"] == 0.5
    assert values["other_class_rate"] == pytest.approx(0.6)
    assert values["other_class_label_rate"] == pytest.approx(0.6)
    long = Stream().run([Row("x" * 10_000, "x" * 10_001)])
    assert long["accuracy_score"] == 0.0


@pytest.mark.parametrize(
    ("rows", "task", "expected"),
    [
        ([Row(1, 1), Row(0, 1.0)], "auto", {"accuracy_score": 0.5}),
        ([Row(1, 1), Row(0, 1.0)], "regression", {"mean_absolute_error": 0.5}),
        ([Row(1.5, 1.0)], "auto", {"mean_absolute_error": 0.5}),
        ([Row(float(n), float(n + 1)) for n in range(40)], "auto", {"mean_absolute_error": 1.0}),
        ([Row("1", 1), Row(True, "true"), Row(True, 1), Row("True", 0)], "auto", {"accuracy_score": 3 / 4}),
        ([Row("1.5", 1.5)], "classification", {"accuracy_score": 1.0}),
        ([Row("text", 1.5)], "regression", {}),
    ],
)
def test_the_task_is_found_out_or_configured(rows: list[Row], task: Any, expected: dict[str, float]) -> None:
    values = Stream(Monitoring(task=task)).run(rows)
    for name in ("accuracy_score", "mean_absolute_error"):
        assert values.get(name) == (pytest.approx(expected[name]) if name in expected else None)


def test_failed_predictions_count_for_coverage_only() -> None:
    values = Stream().run([Row(None, True, error="timeout"), Row(True, True)])
    assert (values["label_coverage"], values["accuracy_score"], values["failure_rate"]) == (1.0, 1.0, 0.5)


@pytest.mark.parametrize("scores", [1.7, -0.1, {}, {"yes": 2.0, "no": -1.0}, {"maybe": 0.5}])
def test_numbers_that_are_no_probabilities_do_not_count(scores: Any) -> None:
    values = Stream(Monitoring(positive_class="yes")).run([Row("yes", "no", scores=scores)])
    assert "brier_score_loss" not in values
    assert values["accuracy_score"] == 0.0


def test_scores_by_class_are_those_of_the_positive_class() -> None:
    rows = [Row("yes", "yes", scores={"no": 0.2, "yes": 0.8}), Row("no", "no", scores={"no": 0.9, "yes": 0.1})]
    assert Stream().run(rows)["brier_score_loss"] == pytest.approx((0.2**2 + 0.1**2) / 2)
    rows = [Row("yes", "yes", scores={"no": 0.2, "yes": 0.8}), Row("no", "no", scores={"no": 0.9, "yes": 0.1})]
    turned = Stream(Monitoring(positive_class="no")).run(rows)
    assert turned["brier_score_loss"] == pytest.approx((0.2**2 + 0.1**2) / 2)
    assert turned["roc_auc_score"] == 1.0


def test_absurd_numbers_leave_metrics_out_and_nothing_breaks() -> None:
    values = Stream(Monitoring(task="regression")).run([Row(1e308, -1e308), Row(1e308, 1e308)])
    assert "root_mean_squared_error" not in values
    assert values["label_coverage"] == 1.0


def test_labels_of_no_weight_make_no_metric() -> None:
    values = Stream().run([Row(True, True, weight=0.0, scores=0.5), Row(False, True, weight=0.0)])
    assert values["label_coverage"] == 1.0
    assert not {"accuracy_score", "precision_score", "log_loss"} & set(values)


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.floats(-5, 5),
    st.text(max_size=3),
    st.sampled_from(["1", "true", "0", "-0", "1.5"]),
)


@given(VALUES, VALUES)
def test_two_answers_are_one_class_exactly_where_they_agree(left: Any, right: Any) -> None:
    assert (class_name(left) == class_name(right)) is agrees(left, right)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_restart_changes_nothing(data: st.DataObject) -> None:
    config = Monitoring(metrics_window=10.0)
    steady, broken = Stream(config), Stream(config)
    twins: list[tuple[Row, Row]] = []
    for _ in range(data.draw(st.integers(1, 25))):
        move = data.draw(st.integers(0, 60_000))
        new = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from([True, False, None]),
                    st.integers(-200_000, 20_000),
                    st.sampled_from([None, 0.1, 0.7]),
                ),
                max_size=20,
            )
        )
        chosen = data.draw(
            st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.sampled_from([1.0, 0.3])), max_size=9)
        )
        for stream in (steady, broken):
            stream.now += move
        fresh = [
            tuple(Row(answer, made=steady.now + offset, scores=score, latency=score) for _ in range(2))
            for answer, offset, score in new
        ]
        twins += [(left, right) for left, right in fresh]
        for at, stream in enumerate((steady, broken)):
            if fresh:
                stream.predict([pair[at] for pair in fresh])
            if twins and chosen:
                stream.label([(twins[n % len(twins)][at], label, weight) for n, label, weight in chosen])
        if data.draw(st.booleans()):
            broken.restart()
        assert steady.windows.due_ms() == broken.windows.due_ms()
        assert steady.windows.collect(steady.now) == broken.windows.collect(broken.now)
    assert encode(steady.windows.state()) == encode(broken.windows.state())
    assert steady.windows.close(steady.now) == broken.windows.close(broken.now)


@pytest.mark.parametrize("damaged", [b"", pack([]), pack([99, 0, 0, None, None, {}]), pack({"a": 1})])
def test_a_damaged_window_is_named_as_such(damaged: bytes) -> None:
    with pytest.raises(BadStateError):
        Window.unpack(damaged)


def test_the_series_of_an_alert_is_what_the_windows_publish() -> None:
    stream = Stream()
    rows: list[Row] = []
    for minute in (0, 1, 4, *range(10, 40)):
        stream.now = START + minute * MINUTE
        rows += (batch := [Row(minute % 3 == 0, made=stream.now), Row(True, made=stream.now)])
        stream.predict(batch)
    stream.label([(row, True, 1.0) for row in rows])
    before = encode(stream.windows.state())
    series = stream.windows.series("error_rate")
    assert encode(stream.windows.state()) == before, "asking changes nothing"
    published = stream.windows.collect(stream.now + 10 * MINUTE)

    assert series is not None
    assert (series.start_ms, series.width_ms) == (START // MINUTE * MINUTE, MINUTE)
    assert series.steps[:4] == [0, 1, 4, 10]
    assert series.values == [pytest.approx(1 - metric.values["accuracy_score"]) for metric in published]
    assert stream.windows.series("psi") is None


def test_a_series_has_its_bound_and_only_windows_that_have_the_quantity() -> None:
    stream = Stream()
    for minute in range(200):
        stream.now = START + minute * MINUTE
        stream.predict([Row(True, made=stream.now, latency=5.0) if minute % 2 else Row(True, made=stream.now)])
    failures, slow = stream.windows.series("failure_rate"), stream.windows.series("latency_p95_ms")

    assert failures is not None and slow is not None
    assert len(failures.values) == MAX_SERIES
    assert len(slow.values) == MAX_SERIES / 2
    assert {after - one for one, after in itertools.pairwise(slow.steps)} == {2}
