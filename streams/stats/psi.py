"""Population stability index of counts against reference counts, with its calibrated cut-off."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.stats.chi_square import chi_square_quantile

Counts = npt.NDArray[Any]

#: Added to every bin (Jeffreys), so that an empty bin costs a finite amount.
_PRIOR = 0.5


def psi(counts: Counts, reference: Counts) -> float:
    """sum (p - q) ln(p / q) over bins, where p and q are the shares of ``counts`` and ``reference`` (same shape).

    >>> reference = np.array([500, 300, 200])
    >>> round(psi(np.array([50, 30, 20]), reference), 4), round(psi(np.array([20, 30, 50]), reference), 4)
    (0.0, 0.5405)
    """
    bins = len(reference)
    p = (counts + _PRIOR) / (float(counts.sum()) + _PRIOR * bins)
    q = (reference + _PRIOR) / (float(reference.sum()) + _PRIOR * bins)
    return float(np.sum((p - q) * np.log(p / q)))


def psi_cutoff(events: float, reference_events: float, bins: int, level: float) -> float:
    """What PSI stays below with probability ``level`` when nothing changed.

    PSI / (1/n + 1/m) is chi-square with bins - 1 degrees of freedom (Yurdakul & Naranjo 2020, "Statistical properties
    of the population stability index", Journal of Risk Model Validation 14). Without this correction "PSI > 0.1" fires
    in 91 % of quiet windows of 100 events in 20 bins.

    >>> round(psi_cutoff(100, 2000, bins=20, level=0.999), 2)
    0.46
    """
    return chi_square_quantile(level, max(bins - 1, 1)) * (1.0 / events + 1.0 / reference_events)
