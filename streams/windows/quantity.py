"""What an alert calls a quantity, and the metric of a window that is the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: As windows call it where they have the complement.
_COMPLEMENTS: Final = {"error_rate": "accuracy_score"}
_SAME: Final = frozenset({"failure_rate", "latency_p95_ms", "mean_absolute_error"})
#: Digits that a picture can show.
_DIGITS: Final = 6


def quantity(name: str, values: Mapping[str, float]) -> float | None:
    """The quantity ``name`` of an alert's evidence in a window with these metrics; None where it has none.

    >>> quantity("error_rate", {"accuracy_score": 0.9}), quantity("psi", {"failure_rate": 0.1})
    (0.1, None)
    """
    if name in _COMPLEMENTS:
        known = values.get(_COMPLEMENTS[name])
        return None if known is None else _short(1.0 - known)
    known = values.get(name) if name in _SAME else None
    return None if known is None else _short(known)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
