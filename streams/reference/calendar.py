"""Recognises dates: values that are the same all day (or month, or year) and never come again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_DAY_MS = 86_400_000
#: Days around the reference's own that are tried, for time zones and for what is dated yesterday.
_AROUND = 2
#: A reference over more days than this holds dates enough to be seen to rise.
_MOST_DAYS = 400
#: Events before 1980 are not of their time, and small numbers are no dates.
_EARLIEST_MS = 315_532_800_000
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:$|[T ])")
#: Epochs are written in seconds, milliseconds, microseconds or nanoseconds.
_EPOCH_UNITS = (1e-3, 1.0, 1e3, 1e6)


def are_dates(values: Iterable[float], first_ms: int, last_ms: int) -> bool:
    """Whether each of the numbers reads as the date of the events: 20261118, 202611, 2026, days or a time since 1970.

    Args:
        values: the distinct values of a column.
        first_ms: when its first event was made, epoch milliseconds.
        last_ms: when its last event was made.
    """
    days = _days(first_ms, last_ms)
    if not days:
        return False
    readings = {reading for day in days for reading in _readings(day)}
    low, high = first_ms - _AROUND * _DAY_MS, last_ms + _AROUND * _DAY_MS
    found = False
    for value in values:
        found = True
        if value not in readings and not any(low * unit <= value <= high * unit for unit in _EPOCH_UNITS):
            return False
    return found


def are_date_texts(values: Iterable[str], first_ms: int, last_ms: int) -> bool:
    """Whether each of the texts is a date or a time of the events in ISO 8601: 2026-11-18, 2026-11, 2026-11-18T07:30:00Z."""
    days = _days(first_ms, last_ms)
    known = {day.strftime("%Y-%m-%d") for day in days} | {day.strftime("%Y-%m") for day in days}
    found = False
    for value in values:
        found = True
        match = _ISO_DATE.match(value)
        if match is None or match[0].rstrip("T ") not in known:
            return False
    return found


def _days(first_ms: int, last_ms: int) -> list[datetime]:
    if first_ms < _EARLIEST_MS:
        return []
    first = first_ms // _DAY_MS - _AROUND
    count = last_ms // _DAY_MS + _AROUND - first + 1
    if not 0 < count <= _MOST_DAYS:
        return []
    try:
        start = datetime.fromtimestamp(first * _DAY_MS / 1000, UTC)
        return [start + timedelta(days=day) for day in range(count)]
    except (OverflowError, ValueError, OSError):
        return []


def _readings(day: datetime) -> tuple[int, ...]:
    return (
        day.year * 10_000 + day.month * 100 + day.day,
        day.year * 100 + day.month,
        day.year,
        int(day.timestamp()) // 86_400,
    )
