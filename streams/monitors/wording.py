"""Numbers as people write them, for the sentence of a condition."""

from __future__ import annotations


def percent(share: float) -> str:
    """0.0412 -> "4.1 %"; small shares keep a digit that says something (0.0004 -> "0.04 %")."""
    value = 100 * share
    digits = 1 if value >= 0.1 or value == 0 else 2 if value >= 0.01 else 3
    return f"{value:.{digits}f} %"


def count(number: float, noun: str) -> str:
    """1024, "events" -> "1,024 events"; 1 -> "1 event"."""
    whole = round(number)
    return f"{whole:,} {noun[:-1] if whole == 1 and noun.endswith('s') else noun}"


def quantity(value: float) -> str:
    """A value of unknown unit, three significant digits: 1234.5 -> "1,230", 0.012345 -> "0.0123", 3e20 -> "3e+20"."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        digits = len(f"{abs(value):.0f}") - 3
        return f"{round(value, -digits):,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def milliseconds(value: float) -> str:
    """A duration: 0.35 -> "0.35 ms", 340 -> "340 ms", 12400 -> "12.4 s"."""
    return f"{float(f'{value:.3g}'):g} ms" if value < 10_000 else f"{float(f'{value / 1000:.3g}'):g} s"


def duration(ms: float) -> str:
    """A span of time: 42_000 -> "42 s", 90_000 -> "1 min 30 s", 7_200_000 -> "2 h"."""
    seconds = round(ms / 1000)
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, seconds = divmod(seconds, size)
        if whole:
            parts.append(f"{whole} {unit}")
    return " ".join(parts[:2]) or "0 s"
