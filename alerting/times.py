"""Times and lengths of time, between records (RFC 3339), the core (epoch milliseconds) and people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Alertmanager's "no end yet" in a webhook (Go's zero time).
NO_END = "0001-01-01T00:00:00Z"
#: The times that RFC 3339 can write: the years 1 to 9999. Who posts an alert may name the last of them as its end.
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 time; a time without a zone is UTC.

    Raises:
        ValueError: ``text`` is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _written(round(moment.timestamp() * 1000))


def rfc3339(ms: int) -> str:
    """An RFC 3339 time in UTC with milliseconds; before the year 1 and after 9999 the first or last that can be written."""
    moment = _EPOCH + timedelta(milliseconds=_written(ms))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_time(ms: int) -> str:
    """A time for people: ``2026-11-24 14:02:07 UTC``."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        # Evidence may hold any number; a message is not lost to one that is no date.
        return f"{ms:,} ms after 1970"


def length(ms: int) -> str:
    """A length of time for people, two units at most: ``45 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``."""
    seconds = max(0, round(ms / 1000))
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _written(ms: int) -> int:
    return max(EARLIEST_MS, min(ms, LATEST_MS))
