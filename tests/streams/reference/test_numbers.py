from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from driftbell.streams.reference.numbers import bin_edges, lag_one, learn_numbers

SAMPLES = st.lists(
    st.one_of(st.floats(-(2.0**100), 2.0**100, width=32), st.integers(-5, 5).map(float)), min_size=100, max_size=400
)


@pytest.mark.slow
@given(SAMPLES, st.integers(2, 40))
def test_edges_grow_and_hold_every_learned_value_inside(sample: list[float], bins: int) -> None:
    values = np.array(sample, np.float32)
    edges = bin_edges(np.sort(values), bins)
    codes = np.searchsorted(edges, values, side="right")

    assert (np.diff(edges) > 0).all()
    assert codes.min() >= 1
    assert codes.max() <= len(edges) - 1
    assert len(edges) <= 3 * bins + 3


@pytest.mark.slow
@given(SAMPLES, st.integers(5, 30))
def test_no_bin_holds_more_than_two_shares_unless_it_is_one_value(sample: list[float], bins: int) -> None:
    values = np.array(sample, np.float32)
    edges = bin_edges(np.sort(values), bins)
    codes = np.searchsorted(edges, values, side="right")
    for code in np.unique(codes):
        inside = values[codes == code]
        assert len(inside) <= 2 * len(values) / bins or len(np.unique(inside)) == 1


def test_a_constant_column_has_a_bin_of_its_own_and_two_empty_ones() -> None:
    numbers = learn_numbers(np.full(500, 7.0, np.float32), 32)

    assert numbers.counts.tolist() == [0, 500, 0]
    assert (numbers.low, numbers.high) == (7.0, 7.0)
    assert numbers.blocks is None


def test_small_integers_have_a_bin_each() -> None:
    values = np.random.default_rng(1).integers(0, 4, 2000).astype(np.float32)
    numbers = learn_numbers(values, 32)
    filled = numbers.counts[numbers.counts > 0]

    assert sorted(filled.tolist()) == sorted(np.bincount(values.astype(int)).tolist())


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_is_measured_on_ranks_and_switches_to_blocks(phi: float) -> None:
    rng = np.random.default_rng(2)
    x = lfilter([1.0], [1.0, -phi], rng.normal(size=5000))
    numbers = learn_numbers(np.exp(x).astype(np.float32), 32)

    assert numbers.autocorrelation == pytest.approx(phi, abs=0.05)
    assert (numbers.blocks is None) == (phi == 0.0)


def test_bursts_of_volatility_are_dependence_too() -> None:
    rng = np.random.default_rng(3)
    scale = np.repeat(np.where(rng.random(250) < 0.5, 0.2, 3.0), 20)
    values = rng.normal(size=5000) * scale

    assert abs(lag_one(np.argsort(np.argsort(values)).astype(np.float64))) < 0.05
    assert learn_numbers(values.astype(np.float32), 32).blocks is not None
