"""Quantiles of the chi-square distribution, without a statistics package."""

from __future__ import annotations

from statistics import NormalDist


def chi_square_quantile(probability: float, freedom: int) -> float:
    """The value a chi-square variable with ``freedom`` degrees of freedom stays below with ``probability``.

    Wilson and Hilferty (1931): the cube root is nearly normal. Against the exact quantile the error, for
    probabilities from 0.9 to 0.9999, is below 1.5 % from 9 degrees of freedom on and below 6 % at 3 (checked in the tests),
    always upwards: far below the error of the chi-square approximation to binned data itself.

    >>> round(chi_square_quantile(0.95, 10), 1)
    18.3
    """
    spread = 2.0 / (9.0 * freedom)
    root = 1.0 - spread + NormalDist().inv_cdf(probability) * spread**0.5
    return float(freedom * max(root, 0.0) ** 3)
