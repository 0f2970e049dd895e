"""Quantiles of the chi-square distribution, without a statistics package."""

from __future__ import annotations

from statistics import NormalDist


def chi_square_quantile(probability: float, freedom: int) -> float:
    """The value a chi-square variable with ``freedom`` degrees of freedom stays below with ``probability``.

    Wilson and Hilferty (1931): the cube root is nearly normal. Against the exact quantile the error is below 1 % for
    ``freedom >= 3`` and probabilities from 0.9 to 0.9999 (checked in the tests), which is far below the error of any
    chi-square approximation to binned data.
    """
    spread = 2.0 / (9.0 * freedom)
    root = 1.0 - spread + NormalDist().inv_cdf(probability) * spread**0.5
    return float(freedom * max(root, 0.0) ** 3)
