"""Bounds on a proportion."""

from __future__ import annotations

import math


def upper_bound(successes: float, events: float, z: float = 3.0) -> float:
    """Wilson's upper confidence bound, ``z`` standard errors above the observed share; 1.0 where nothing was observed.

    Wilson (1927). Unlike mean + z * standard error it is above zero when no success was seen.

    >>> round(upper_bound(0, 1000), 4), round(upper_bound(50, 1000, z=2.0), 4)
    (0.0089, 0.0657)
    """
    if events <= 0:
        return 1.0
    share = successes / events
    square = z * z
    centre = share + square / (2 * events)
    margin = z * math.sqrt(share * (1 - share) / events + square / (4 * events * events))
    return max(share, min(1.0, (centre + margin) / (1 + square / events)))
