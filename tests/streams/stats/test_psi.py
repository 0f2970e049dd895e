from __future__ import annotations

import numpy as np
import pytest

from driftbell.streams.stats import psi, psi_cutoff


def test_it_is_the_textbook_formula_up_to_the_half_count_prior() -> None:
    counts, reference = np.array([500, 300, 200]), np.array([4000, 3000, 3000])
    p, q = counts / counts.sum(), reference / reference.sum()

    assert psi(counts, reference) == pytest.approx(float(np.sum((p - q) * np.log(p / q))), rel=0.02)


def test_equal_shares_have_none() -> None:
    assert psi(np.array([10, 20, 30]), np.array([10, 20, 30])) == pytest.approx(0, abs=1e-12)


def test_an_empty_bin_costs_a_finite_amount() -> None:
    assert 0 < psi(np.array([100, 0]), np.array([50, 50])) < 10


def test_the_calibrated_cutoff_is_passed_as_often_as_stated_where_a_fixed_one_fires_all_the_time() -> None:
    rng = np.random.default_rng(11)
    shares = np.full(20, 0.05)
    reference = rng.multinomial(10_000, shares)
    quiet = [psi(rng.multinomial(200, shares), reference) for _ in range(4000)]
    cutoff = psi_cutoff(200, 10_000, 20, 0.99)

    assert 0.002 < np.mean([value > cutoff for value in quiet]) < 0.02
    assert np.mean([value > 0.1 for value in quiet]) > 0.3


@pytest.mark.parametrize(("events", "bins"), [(100, 10), (1000, 20)])
def test_the_mean_without_drift_is_what_theory_says(events: int, bins: int) -> None:
    rng = np.random.default_rng(12)
    shares = np.full(bins, 1 / bins)
    values = [psi(rng.multinomial(events, shares), rng.multinomial(5000, shares)) for _ in range(2000)]

    assert np.mean(values) == pytest.approx((bins - 1) * (1 / events + 1 / 5000), rel=0.12)
