from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.runtime.config.model import Reference as ReferenceSettings
from driftbell.schemas import FeatureValue, Prediction
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.reference import Kind, Reference, Unwatched
from driftbell.streams.reference.reading import floats_of, rounded


def batch(rows: Sequence[dict[str, FeatureValue]], answers: Sequence[Any] | None = None) -> PredictionBatch:
    events = [
        Prediction(
            prediction_id="p",
            model="m",
            version="1",
            timestamp=0,
            features=row,
            prediction=answers[index] if answers else 1.0,
            error="failed" if answers and answers[index] is None else None,
        )
        for index, row in enumerate(rows)
    ]
    return PredictionBatch(events, np.arange(len(rows), dtype=np.int64), len(rows))


def learned(rows: Sequence[dict[str, FeatureValue]], **options: Any) -> Reference:
    reference = Reference(ReferenceSettings(events=len(rows), **options))
    for at in range(0, len(rows), 300):
        reference.learn(batch(rows[at : at + 300]))
    assert reference.ready
    return reference


def column(values: Sequence[FeatureValue], name: str = "x") -> list[dict[str, FeatureValue]]:
    return [{name: value} if value is not None else {} for value in values]


RNG = random.Random(1)
KINDS: dict[str, tuple[list[Any], Kind | None, Unwatched | None]] = {
    "numbers": ([RNG.gauss(0, 1) for _ in range(600)], Kind.NUMBER, None),
    "whole numbers": ([RNG.randrange(9) for _ in range(600)], Kind.NUMBER, None),
    "booleans": ([RNG.random() < 0.5 for _ in range(600)], Kind.BOOLEAN, None),
    "texts": ([RNG.choice("abc") for _ in range(600)], Kind.TEXT, None),
    "identifiers": ([f"user-{n}" for n in range(600)], Kind.TEXT, Unwatched.HIGH_CARDINALITY),
    "a counter": (list(range(600)), Kind.NUMBER, Unwatched.MONOTONIC),
    "a date": ([19_000 + n // 20 for n in range(600)], Kind.NUMBER, Unwatched.MONOTONIC),
    "one step": ([float(n > 300) for n in range(600)], Kind.NUMBER, None),
    "a mix": ([RNG.choice((1, "1", True)) for _ in range(600)], None, Unwatched.MIXED_TYPES),
    "almost nothing": ([1.0] * 5 + [None] * 595, Kind.NUMBER, Unwatched.TOO_FEW_VALUES),
    "numbers and a few texts": ([RNG.gauss(0, 1) for _ in range(590)] + ["n/a"] * 10, Kind.NUMBER, None),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_of_a_column_and_why_it_is_not_watched(name: str) -> None:
    values, kind, unwatched = KINDS[name]
    profile = learned(column(values)).features.profiles[0]

    assert profile.unwatched == unwatched
    if kind is not None:
        assert profile.kind is kind
    assert (profile.numbers is not None) == (unwatched is None and kind is Kind.NUMBER)
    assert (profile.categories is not None) == (unwatched is None and kind in {Kind.TEXT, Kind.BOOLEAN})
    assert profile.missing == values.count(None)


def test_a_feature_seen_late_was_missing_before() -> None:
    rows: list[Any] = [{"a": 1.0}] * 500 + [{"a": 1.0, "b": RNG.gauss(0, 1)} for _ in range(200)]
    late = learned(rows).features.profiles[1]

    assert (late.name, late.events, late.missing) == ("b", 700, 500)


def test_features_beyond_the_limit_are_ignored_by_name() -> None:
    reference = learned([{f"f{i}": 1.0 for i in range(10)}] * 200, max_features=4)

    assert [p.name for p in reference.features.profiles] == ["f0", "f1", "f2", "f3"]
    assert reference.ignored == {"f4", "f5", "f6", "f7"}


def test_an_id_in_the_name_of_a_feature_is_not_read_in_every_batch_for_ever() -> None:
    # The later a name, the more values it has.
    rows: list[dict[str, FeatureValue]] = [
        {"amount": at % 7, **{f"user-{name:03}": 1.0 for name in (at % 90, 90 + at % 10)}} for at in range(3_000)
    ]
    reference = learned(rows[:1900])

    kept = [profile.name for profile in reference.features.profiles]
    # 90 names have 21 or 22 values, and ten have 190.
    assert set(kept) > {"amount", *(f"user-{name:03}" for name in range(90, 100))}
    assert len(kept) == 1 + 10 + 32
    assert kept[1:] == sorted(kept[1:], key=lambda name: rows.index(next(row for row in rows if name in row)))
    assert len(reference.ignored) == 90 - 32
    shuffled = learned(sorted(rows[:1900], key=str))
    assert shuffled.ignored == reference.ignored, "which are kept does not depend on the order"


@pytest.mark.parametrize("events", [60, 300, 1900])
def test_features_that_are_always_there_are_kept_however_small_the_reference(events: int) -> None:
    reference = learned([{f"f{name}": float(at % 7) for name in range(100)} for at in range(events)])

    assert len(reference.features.profiles) == 100
    assert not reference.ignored


def test_many_rare_texts_beside_frequent_ones_are_counted_in_bounded_memory() -> None:
    rng = random.Random(2)
    values = [rng.choice("abcd") if rng.random() < 0.7 else f"rare-{rng.randrange(10**9)}" for _ in range(4000)]
    profile = learned(column(values), max_categories=10).features.profiles[0]
    assert profile.categories is not None
    true = Counter(values)

    assert set(profile.categories.names[:4]) == set("abcd")
    for name, count in zip(profile.categories.names[:4], profile.categories.counts[:4].tolist(), strict=True):
        assert true[name] - profile.categories.uncertain <= count <= true[name]
    assert len(profile.categories.names) <= 10


def test_neighbours_that_resemble_each_other_are_thinned_out() -> None:
    rng = random.Random(3)
    runs = [value for _ in range(60) for value in [rng.choice("abc")] * 20]
    shuffled = rng.sample(runs, len(runs))
    dependent, independent = (learned(column(values)).features.profiles[0].categories for values in (runs, shuffled))
    assert dependent is not None
    assert independent is not None

    assert (dependent.every, independent.every) == (25, 1)


MESSY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.just(10**400),
    st.floats(-1e300, 1e300),
    st.sampled_from(["a", "b", "x" * 200, ""]),
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["n", "t", "b", "new"]), MESSY, max_size=4), min_size=1, max_size=60)
LEARNED: list[dict[str, FeatureValue]] = [
    {"n": RNG.gauss(0, 1), "t": RNG.choice("ab"), "b": RNG.random() < 0.5, "id": f"i{RNG.random()}"} for _ in range(400)
]


@pytest.mark.slow
@settings(max_examples=150)
@given(ROWS)
def test_a_batch_is_counted_as_a_plain_loop_counts_it(rows: list[dict[str, Any]]) -> None:
    reference = learned(LEARNED)
    columns = reference.columns(batch(rows))
    assert columns is not None
    for row, profile in enumerate(reference.features.profiles):
        values = [r.get(profile.name) for r in rows]
        right = {Kind.NUMBER: (int, float), Kind.TEXT: (str,), Kind.BOOLEAN: (bool,)}[profile.kind]
        present = [v for v in values if type(v) in right]
        assert columns.missing[row] == values.count(None)
        assert columns.wrong[row] == len(rows) - values.count(None) - len(present)
        assert columns.present[row] == len(present)
        if profile.numbers is not None:
            at = list(reference.features.numeric).index(row)
            numbers = rounded(floats_of(present, set(map(type, present)))[0])
            codes = np.searchsorted(profile.numbers.edges, numbers, side="right")
            expected = np.bincount(codes, minlength=columns.bins.shape[1])
            assert columns.bins[at].tolist() == expected.tolist()
            assert columns.codes(at).tolist() == codes.tolist()
            assert columns.outside[at] == sum(
                n < profile.numbers.low or n > profile.numbers.high for n in numbers.tolist()
            )
        if profile.kind is Kind.TEXT and profile.categories is not None:
            at = list(reference.features.categorical).index(row)
            assert columns.unseen[row] == sum(v not in {"a", "b"} for v in present)
            assert columns.categories[at].sum() == len(present)


@settings(max_examples=30)
@given(ROWS, st.integers(1, 40))
def test_learning_continues_identically_after_a_restart(rows: list[dict[str, Any]], at: int) -> None:
    config = ReferenceSettings(events=100, bins=8)
    rows = (rows * 100)[:120]
    whole, first = Reference(config), Reference(config)
    second = Reference(config)
    whole.learn(batch(rows[:at]))
    first.learn(batch(rows[:at]))
    second.restore(decode(encode(first.state())))
    whole.learn(batch(rows[at:]))
    second.learn(batch(rows[at:]))

    assert encode(whole.state()) == encode(second.state())


def test_a_ready_reference_is_restored_to_the_bit() -> None:
    reference = learned(LEARNED)
    copy = Reference(ReferenceSettings(events=400))
    copy.restore(decode(encode(reference.state())))

    assert encode(copy.state()) == encode(reference.state())
    assert copy.ready


def test_failed_predictions_teach_nothing_about_answers_and_empty_ones_nothing_about_features() -> None:
    rows: list[Any] = [{"x": float(i % 7)} for i in range(300)] + [{}] * 100
    answers: list[Any] = [i % 2 == 0 for i in range(300)] + [None] * 100
    reference = Reference(ReferenceSettings(events=400))
    reference.learn(batch(rows, answers))

    assert reference.features.profiles[0].events == 300
    assert reference.prediction.profiles[0].events == 300
    assert reference.columns(batch([{}], [None])) is None
    assert reference.predictions(batch([{"x": 1.0}], [None])) is None


def test_asking_for_profiles_while_learning_is_a_mistake_that_is_named() -> None:
    with pytest.raises(RuntimeError, match="still being learned"):
        _ = Reference(ReferenceSettings()).features


def test_learning_from_one_event_at_a_time_takes_no_more_memory_than_its_values() -> None:
    rows = column([RNG.gauss(0, 1) for _ in range(2000)])
    reference = Reference(ReferenceSettings(events=len(rows) + 1))
    batches = [batch([row]) for row in rows]
    tracemalloc.start()
    try:
        for one in batches:
            reference.learn(one)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    values = 2 * 4 * len(rows)  # the feature and the prediction, 4 bytes each
    assert taken < 3 * values
