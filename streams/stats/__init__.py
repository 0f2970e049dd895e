"""Statistics in bounded memory, each in its file."""

from __future__ import annotations

from driftbell.streams.stats.chi_square import chi_square_quantile
from driftbell.streams.stats.name_count import NameCount
from driftbell.streams.stats.proportion import upper_bound
from driftbell.streams.stats.psi import psi, psi_cutoff
from driftbell.streams.stats.quantile_sketch import QuantileSketch

__all__ = ["NameCount", "QuantileSketch", "chi_square_quantile", "psi", "psi_cutoff", "upper_bound"]
