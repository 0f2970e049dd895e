from __future__ import annotations

import pytest
from scipy import stats

from driftbell.streams.stats import chi_square_quantile


@pytest.mark.parametrize(("freedom", "error"), [(3, 0.06), (9, 0.015), (31, 0.004), (100, 0.002)])
@pytest.mark.parametrize("probability", [0.9, 0.99, 0.999, 0.9999])
def test_it_is_scipys_quantile_to_the_stated_error(freedom: int, error: float, probability: float) -> None:
    exact = stats.chi2.ppf(probability, freedom)

    assert chi_square_quantile(probability, freedom) == pytest.approx(exact, rel=error)
