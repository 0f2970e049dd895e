"""Sums of extreme values are told to be too large, and never raise."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from driftbell.streams.stats.finite_sum import finite_sum


@given(st.lists(st.floats()))
def test_no_values_make_it_raise(values: list[float]) -> None:
    total = finite_sum(values)

    assert total is None or math.isfinite(total)


@given(st.lists(st.floats(-1e300, 1e300), max_size=50))
def test_it_is_the_exact_sum_where_there_is_one(values: list[float]) -> None:
    assert finite_sum(values) == math.fsum(values)
