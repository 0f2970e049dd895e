from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.streams.stats import QuantileSketch
from driftbell.streams.stats.quantile_sketch import HIGHEST, LOWEST, RELATIVE_ERROR, SketchState

LATENCIES = st.lists(st.floats(LOWEST, HIGHEST, allow_nan=False), min_size=1, max_size=300)


@given(LATENCIES, st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_every_quantile_is_within_the_stated_relative_error_of_numpys(values: list[float], share: float) -> None:
    sketch = QuantileSketch()
    sketch.update(np.array(values))
    exact = float(np.quantile(values, share, method="inverted_cdf"))

    assert sketch.quantile(share) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.001)


@given(LATENCIES, LATENCIES)
def test_merging_is_as_good_as_one_sketch(first: list[float], second: list[float]) -> None:
    both, left, right = QuantileSketch(), QuantileSketch(), QuantileSketch()
    both.update(np.array(first + second))
    left.update(np.array(first))
    right.update(np.array(second))
    left.merge(right)

    assert left.quantile(0.5) == both.quantile(0.5)
    assert len(left) == len(both)


@given(LATENCIES)
def test_its_state_continues(values: list[float]) -> None:
    sketch, copy = QuantileSketch(), QuantileSketch()
    sketch.update(np.array(values))
    copy.restore(sketch.state())
    for one in (sketch, copy):
        one.update(np.array([1.0, 5.0]))

    assert sketch.quantile(0.5) == copy.quantile(0.5)
    assert len(sketch) == len(copy)


@pytest.mark.parametrize("value", [-5.0, 0.0, 1e-300, 1e300])
def test_absurd_latencies_count_as_the_ends_of_the_range(value: float) -> None:
    sketch = QuantileSketch()
    sketch.update(np.array([value]))

    assert sketch.quantile(0.5) == pytest.approx(LOWEST if value < 1 else HIGHEST, rel=RELATIVE_ERROR * 2)


def test_empty_has_no_quantile() -> None:
    assert QuantileSketch().quantile(0.5) is None


@given(LATENCIES, LATENCIES)
def test_only_the_bins_that_are_needed_are_kept_whatever_the_order(first: list[float], second: list[float]) -> None:
    once, twice = QuantileSketch(), QuantileSketch()
    once.update(np.array(first + second))
    for values in (second, [], first):
        twice.update(np.array(values, np.float64))

    shown, wanted = twice.state(), once.state()
    assert shown.bins.tolist() == wanted.bins.tolist()
    assert shown.counts.tolist() == wanted.counts.tolist()
    assert len(twice._counts) == wanted.bins[-1] - wanted.bins[0] + 1


@pytest.mark.parametrize("bins", [[-1, 4], [4, 60_000]])
def test_a_state_with_other_bins_is_refused(bins: list[int]) -> None:
    damaged = SketchState(bins=np.array(bins), counts=np.array([1, 1], np.uint32))

    with pytest.raises(ValueError, match="a sketch has"):
        QuantileSketch().restore(damaged)
