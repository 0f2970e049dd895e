"""Durations as Prometheus writes them ("30s", "1h30m", "7d"). Source: prometheus/common, model/time.go, ParseDuration."""

from __future__ import annotations

import re

_UNITS = {"y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_FORM = re.compile("".join(rf"(?:([0-9]+){unit})?" for unit in _UNITS))

#: A hundred years of 365 days. Prometheus ends at 292, where nanoseconds no longer fit 64 bits; a moment that far from now
#: must still be one that a calendar has.
LONGEST_SECONDS = 100 * 365 * 86400.0


def parse_duration(text: str) -> float:
    """Seconds of "1h30m"; units from year to millisecond, large before small, each at most once. A bare number is seconds.

    Raises:
        ValueError: it is no duration, or longer than ``LONGEST_SECONDS``.
    """
    seconds = _seconds(text)
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"{_shown(text)} is too long: a duration is at most 100y")
    return seconds


def _seconds(text: str) -> float:
    try:
        # float() reads the digits of every script, and underscores; Prometheus reads neither.
        seconds = float(text if text.isascii() and "_" not in text else "")
    except ValueError:
        match = _FORM.fullmatch(text)
        if not text or match is None:
            raise ValueError(f"{_shown(text)} is not a duration: write 30s, 5m, 1h30m or 7d") from None
        parts = zip(match.groups(), _UNITS.values(), strict=True)
        # As floats: thousands of digits are infinite, not an error of Python's.
        return sum(float(number) * size for number, size in parts if number)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{_shown(text)} is not a duration: it must be zero or more, and finite")
    return seconds


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def format_duration(seconds: float) -> str:
    """Text that ``parse_duration`` reads back as the same time, to the millisecond; days are the largest unit."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    text = ""
    for unit, size in _UNITS.items():
        # "30d" is easier to compare than "4w2d", and a year has leap days.
        if unit in {"y", "w"}:
            continue
        count, left = divmod(left, round(size * 1000))
        if count:
            text += f"{count}{unit}"
    return text
