from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import FeatureValue
from driftbell.streams.encoding import encode
from driftbell.streams.reference.learner import ColumnLearner
from driftbell.streams.reference.reading import TEXT_LENGTH, floats_of, rounded, shortened, texts_of

Numbers = np.ndarray[Any, np.dtype[np.float32]]


def numbers_of(column: list[Any], types: set[type[Any]]) -> tuple[Numbers, int]:
    floats, wrong = floats_of(column, types)
    return rounded(floats), wrong


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**300, 10**320), st.floats(allow_nan=False), st.text()
)


@given(st.lists(VALUES))
def test_numbers_are_read_from_anything_and_everything_is_accounted_for(column: list[Any]) -> None:
    numbers, wrong = numbers_of(column, set(map(type, column)))

    assert len(numbers) == len(column)
    assert np.isnan(numbers).sum() == wrong + column.count(None)
    for value, number in zip(column, numbers.tolist(), strict=True):
        if type(value) is float and abs(value) < 1e38:
            assert number == float(np.float32(value))


@pytest.mark.parametrize("value", [1e308, -1e308, 10**400, -(10**400), math.inf])
def test_what_float32_cannot_hold_becomes_nearly_its_largest_value(value: float) -> None:
    numbers, wrong = numbers_of([value], {type(value)})

    assert abs(numbers[0]) > 3.4e38
    assert np.isfinite(np.nextafter(numbers[0], np.float32(np.inf)))
    assert wrong == 0


def test_booleans_are_no_numbers() -> None:
    numbers, wrong = numbers_of([1, True, 2.5], {int, bool, float})

    assert wrong == 1
    assert np.isnan(numbers[1])


@given(st.text())
def test_names_of_categories_are_bounded(text: str) -> None:
    assert len(shortened(text)) <= TEXT_LENGTH


def test_texts_keep_their_order() -> None:
    assert texts_of(["b", None, "a", 3]) == ["b", "a"]


@given(
    st.lists(st.floats(allow_nan=False) | st.integers() | st.booleans() | st.text(max_size=3) | st.none(), min_size=1)
)
def test_a_column_is_learned_the_same_value_by_value(values: list[FeatureValue]) -> None:
    whole, single = ColumnLearner("x", 100), ColumnLearner("x", 100)
    whole.update(values)
    for value in values:
        single.update([value])

    assert encode(single.state()) == encode(whole.state())
