"""The rules of ``router.time_intervals`` and of the routes that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.nearest import nearest
from driftbell.runtime.config.router import Route, RouterConfig, TimeInterval
from driftbell.runtime.config.rules import BadSetting, instead_of
from driftbell.runtime.matching.intervals import (
    BadIntervalError,
    days_of_month_of,
    months_of,
    times_of,
    weekdays_of,
    years_of,
    zone_of,
)

_KEYS = ("mute_time_intervals", "time_intervals")
_READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "weekdays": (weekdays_of, "write names, such as monday:friday; split what runs past Saturday into two"),
    "days_of_month": (days_of_month_of, "write 1:5, or -3:-1 for the last three days"),
    "months": (months_of, "write names or numbers, such as january:march; split what runs past December into two"),
    "years": (years_of, "write 2026, or 2026:2028"),
}


def interval_problems(router: RouterConfig) -> Iterator[BadSetting]:
    """Everything that is wrong with the time intervals, and with the names by which routes use them."""
    names: set[str] = set()
    for key in _KEYS:
        for index, named in enumerate(getattr(router, key)):
            path: Path = (key, index)
            if not named.name:
                yield BadSetting((*path, "name"), "a time interval has no name", "name it")
            elif named.name in names:
                yield BadSetting(
                    (*path, "name"), f"time interval name {named.name!r} is not unique", "rename one of them"
                )
            names.add(named.name)
            for position, interval in enumerate(named.time_intervals):
                yield from _interval(interval, (*path, "time_intervals", position))
    if router.route is not None:
        yield from _uses(router.route, ("route",), names)


def _interval(interval: TimeInterval, path: Path) -> Iterator[BadSetting]:
    for index, one in enumerate(interval.times or ()):
        try:
            times_of(one.start_time, one.end_time)
        except BadIntervalError as error:
            fix = "write times as HH:MM; split what runs past midnight into two, with 24:00 and 00:00"
            yield BadSetting((*path, "times", index), str(error), fix)
    for key, (read, fix) in _READERS.items():
        for index, text in enumerate(getattr(interval, key) or ()):
            try:
                read(str(text))
            except BadIntervalError as error:
                yield BadSetting((*path, key, index), str(error), _fix(error, fix))
    try:
        zone_of(interval.location)
    except BadIntervalError as error:
        yield BadSetting((*path, "location"), str(error), "write an IANA name such as Europe/Berlin, or UTC")


def _fix(error: BadIntervalError, otherwise: str) -> str:
    if error.name is None:
        return otherwise
    meant = nearest(error.name, error.names)
    return f"did you mean {meant}?" if meant else f"use one of: {', '.join(error.names)}"


def _uses(route: Route, path: Path, names: set[str]) -> Iterator[BadSetting]:
    for key in ("mute_time_intervals", "active_time_intervals"):
        for index, name in enumerate(getattr(route, key)):
            if name not in names:
                fix = instead_of(name, names, f"define it: time_intervals: [{{name: {name}, time_intervals: [...]}}]")
                yield BadSetting((*path, key, index), f"time interval {name!r} is not defined", fix)
    for index, child in enumerate(route.routes):
        yield from _uses(child, (*path, "routes", index), names)
