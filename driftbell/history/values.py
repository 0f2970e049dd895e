"""Values of tables as events have them: numbers, texts, truths, and times as epoch milliseconds. Pure."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

from driftbell.schemas.timestamps import MAX_EPOCH_MS, MIN_EPOCH_MS, to_epoch_ms

_DAY = dt.timedelta(days=1)
_MS = dt.timedelta(milliseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: A day without a time: ``2026-11-24``.
_DATE_LENGTH = 10
#: Seconds, milliseconds, microseconds and nanoseconds since 1970 have different sizes in the years that events are from.
_UNITS_PER_MS = (0.001, 1, 1_000, 1_000_000)

#: No time has more, in whatever unit.
_MOST_BITS = 128


def plain(value: Any) -> Any:
    """``value`` as an event has it; None if it is missing (null, NaN, infinite).

    Decimals are the nearest float, so that a table of decimals gives what a table of doubles gives. Dates and timestamps
    are milliseconds since 1970 (without a zone, in UTC), times of day and durations are milliseconds.
    """
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return plain(float(value))
    if isinstance(value, dict):
        return {key: item for key, raw in value.items() if (item := plain(raw)) is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    return _milliseconds(value)


def text(value: Any) -> Any:
    """``value`` where text is wanted (identifiers, tags): dates as they are written, decimals with all their digits."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items() if item is not None}
    return plain(value)


def time_ms(value: Any) -> int:
    """Epoch milliseconds of a cell that holds a time.

    Numbers, also as text, may be seconds, milliseconds, microseconds or nanoseconds since 1970: the size tells. Text without
    a zone is UTC, and a date its first moment.

    Raises:
        ValueError: it is no time, or in no year that an event can be from.
    """
    if isinstance(value, dt.date):
        value = _milliseconds(value)
        return to_epoch_ms(value)
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return _time_of_text(value.strip())
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is no time")  # noqa: TRY004 - one error for the caller
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return to_epoch_ms(value)  # which says that it is none: a float, with which units are tried, has an end
    for unit in _UNITS_PER_MS:
        if MIN_EPOCH_MS <= value / unit <= MAX_EPOCH_MS:
            return to_epoch_ms(value if unit == 1 else value / unit)
    return to_epoch_ms(value)


def _time_of_text(value: str) -> int:
    if len(value) == _DATE_LENGTH:
        value += "T00:00:00"
    try:
        naive = dt.datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        naive = False
    return to_epoch_ms(f"{value}Z" if naive else value)


def _milliseconds(value: Any) -> int | None:
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return (moment - _EPOCH) // _MS
    if isinstance(value, dt.date):
        return (value.toordinal() - _EPOCH.toordinal()) * (_DAY // _MS)
    if isinstance(value, dt.time):
        return (
            dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
            // _MS
        )
    if isinstance(value, dt.timedelta):
        return value // _MS
    return None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
