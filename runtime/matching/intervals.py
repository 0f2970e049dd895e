"""Alertmanager's time intervals: ``times``, ``weekdays``, ``days_of_month``, ``months``, ``years`` and ``location``.

Grammar and meaning follow Alertmanager 0.25 (``timeinterval/timeinterval.go``): what is given must all hold, of a list one
range must; ranges include both ends, except that ``end_time`` is not in its range; an empty list holds never; a day of the
month below zero counts from the month's end, and a range is cut to the month. Two things are otherwise, on purpose: see
``driftbell.alerting.routing.differences``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

#: First and last, both in it.
Range = tuple[int, int]

_TIME = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,3}")
_LONGEST_ZONE = 64
_DAY_MINUTES = 24 * 60

_WEEKDAYS = {
    name: number
    for number, name in enumerate(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
}
_MONTHS = {
    name: number
    for number, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june"),
            *("july", "august", "september", "october", "november", "december"),
        ),
        start=1,
    )
}


class BadIntervalError(ValueError):
    """The text is no range, time or zone; the message says why.

    Args:
        message: for people.
        name: what stands where a name must.
        names: those that may stand there.
    """

    def __init__(self, message: str, name: str | None = None, names: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class Interval:
    """One time interval. None: any time will do.

    Args:
        times: minutes of the day; the last is not in it.
        weekdays: 0 is Sunday.
        days_of_month: below zero from the month's end, -1 is its last day.
        months: 1 is January.
        years: as on the calendar.
        zone: whose clock and calendar count.
    """

    times: tuple[Range, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    zone: tzinfo = UTC

    def contains(self, ms: int) -> bool:
        """Whether a moment, epoch milliseconds, is in the interval."""
        local = datetime.fromtimestamp(ms // 1000, self.zone)
        minute = local.hour * 60 + local.minute
        return (
            (self.times is None or any(first <= minute < end for first, end in self.times))
            and _within(self.weekdays, local.isoweekday() % 7)
            and _within(self.months, local.month)
            and _within(self.years, local.year)
            and (self.days_of_month is None or self._day_is_in(local.date()))
        )

    def _day_is_in(self, day: date) -> bool:
        last_day = days_in_month(day)
        for begin, end in self.days_of_month or ():
            first = last_day + begin + 1 if begin < 0 else begin
            last = last_day + end + 1 if end < 0 else end
            if first <= day.day <= last:
                return True
        return False

    def boundaries(self, after_ms: int, days: int) -> Iterator[int]:
        """The moments, epoch milliseconds, at which ``contains`` may change: all of some days from the one of ``after_ms``.

        They come day by day, and within a day in no order.
        """
        minutes = {0, *(minute % _DAY_MINUTES for pair in self.times or () for minute in pair)}
        today = datetime.fromtimestamp(after_ms // 1000, self.zone).date()
        for number in range(days + 1):
            day = today + timedelta(days=number)
            for minute in minutes:
                at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
                # A local time may come twice, when clocks go back; one that is left out is a transition's, below.
                yield _ms(at)
                if self.zone is not UTC:
                    yield _ms(at.replace(fold=1))
            if self.zone is not UTC:
                yield from _transition(day, self.zone)


def next_change(intervals: Sequence[Interval], after_ms: int, days: int) -> Iterator[int]:
    """The moments after ``after_ms`` at which one of the intervals may begin or end, in order, for some days."""
    found = {at_ms for one in intervals for at_ms in one.boundaries(after_ms, days)}
    return iter(sorted(at_ms for at_ms in found if at_ms > after_ms))


def days_in_month(day: date) -> int:
    """The number of days of a day's month."""
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1) if day.year < 9999 else date(9999, 12, 31)
    return (following - day.replace(day=1)).days if day.year < 9999 else 31


def times_of(start_time: str, end_time: str) -> Range:
    """Minutes of the day from ``start_time`` up to ``end_time``.

    Raises:
        BadIntervalError: one is no time, or the end is not after the start.
    """
    start, end = _minute(start_time), _minute(end_time)
    if start >= end:
        raise BadIntervalError(f"end_time {end_time} is not after start_time {start_time}")
    return start, end


def weekdays_of(text: str) -> Range:
    """``monday`` or ``monday:friday``; 0 is Sunday.

    Raises:
        BadIntervalError: a part is no weekday, or the range runs past Saturday.
    """
    begin, end = (_named(part, _WEEKDAYS, "weekday") for part in _parts(text))
    if begin > end:
        raise BadIntervalError(f"{text!r} ends before it begins (a week begins on Sunday)")
    return begin, end


def days_of_month_of(text: str) -> Range:
    """``1:5``, ``-3:-1`` (the last three days) or ``15``.

    Raises:
        BadIntervalError: no such day, or in a month of 28 days the range would end before it begins.
    """
    begin, end = (_number(part, "day of the month") for part in _parts(text))
    for day in (begin, end):
        if day == 0 or abs(day) > 31:
            raise BadIntervalError(f"{day} is no day of a month: 1 to 31, or -1 (the last) to -31")
    if begin < 0 < end:
        raise BadIntervalError(f"{text!r} begins with a day counted from the month's end, so its end must be too")
    if (28 + begin if begin < 0 else begin) > (28 + end if end < 0 else end):
        raise BadIntervalError(f"{text!r} ends before it begins")
    return begin, end


def months_of(text: str) -> Range:
    """``january:march``, ``1:3`` or ``may``.

    Raises:
        BadIntervalError: a part is no month, or the range runs past December.
    """
    begin, end = (_month(part) for part in _parts(text))
    for month in (begin, end):
        if not 1 <= month <= 12:
            raise BadIntervalError(f"{month} is no month: 1 to 12")
    if begin > end:
        raise BadIntervalError(f"{text!r} ends before it begins")
    return begin, end


def years_of(text: str) -> Range:
    """``2026:2028`` or ``2026``.

    Raises:
        BadIntervalError: a part is no year, or the range ends before it begins.
    """
    begin, end = (_number(part, "year") for part in _parts(text))
    if begin > end:
        raise BadIntervalError(f"{text!r} ends before it begins")
    return begin, end


def zone_of(name: str | None) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``; none, and the empty name, are UTC.

    Raises:
        BadIntervalError: there is no such zone. A name is never used as a path outside the zone database.
    """
    if not name or name == "UTC":
        return UTC
    if name == "Local":
        raise BadIntervalError("Local is another zone on every machine, and two routers must decide the same")
    shown = repr(name if len(name) <= _LONGEST_ZONE else f"{name[:_LONGEST_ZONE]}...")
    if len(name) > _LONGEST_ZONE or _ZONE.fullmatch(name) is None:
        raise BadIntervalError(f"{shown} is not the name of a time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # KeyError: unknown. ValueError, OSError: a file or folder of the database that is no zone.
        raise BadIntervalError(f"{shown} is not in this machine's time zone database") from None


def _within(ranges: tuple[Range, ...] | None, value: int) -> bool:
    return ranges is None or any(begin <= value <= end for begin, end in ranges)


def _parts(text: str) -> tuple[str, str]:
    parts = text.lower().split(":")
    if len(parts) > 2:
        raise BadIntervalError(f"{text!r} is not one value, nor two with a colon between them")
    return parts[0], parts[-1]


def _named(text: str, names: dict[str, int], what: str) -> int:
    if text not in names:
        raise BadIntervalError(f"{text!r} is not a {what}", text, names)
    return names[text]


def _month(text: str) -> int:
    if text[:1].isalpha():
        return _named(text, _MONTHS, "month")
    return _number(text, "month")


def _number(text: str, what: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise BadIntervalError(f"{text!r} is not a {what}")
    return int(text)


def _minute(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise BadIntervalError(f"{text!r} is not a time of the day: HH:MM, from 00:00 to 24:00")
    hour, minute = (part for part in found.groups() if part is not None)
    return int(hour) * 60 + int(minute)


def _transition(day: date, zone: tzinfo) -> Iterator[int]:
    """When a zone's clocks are changed on a day: to the second, or nothing."""
    low = _ms(datetime(day.year, day.month, day.day, tzinfo=zone)) // 1000
    high = low + 25 * 3600
    before = _offset(low, zone)
    if _offset(high, zone) == before:
        return
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    yield high * 1000


def _offset(seconds: int, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(seconds, zone).utcoffset()


def _ms(at: datetime) -> int:
    return round(at.timestamp()) * 1000
