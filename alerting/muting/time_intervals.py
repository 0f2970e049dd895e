"""Routes that are mute at some times, or speak at some times only: ``mute_time_intervals``, ``active_time_intervals``.

Alertmanager's semantics: a route's active intervals are asked first, and it is mute outside all of them; then it is mute
in any of its mute intervals. Children do not inherit either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.routing.routes import RouteOptions
from driftbell.runtime.config.router import NamedIntervals, TimeInterval
from driftbell.runtime.matching.intervals import (
    Interval,
    Range,
    days_of_month_of,
    months_of,
    next_change,
    times_of,
    weekdays_of,
    years_of,
    zone_of,
)
from driftbell.schemas import Alert

#: How far ahead the next change is looked for; when there is none, it is looked for again then.
HORIZON_DAYS = 400
#: The first look ahead: most schedules change within a week.
_WEEK_DAYS = 8
_DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class _Answer:
    """What holds from one moment until another."""

    from_ms: int
    until_ms: int
    names: tuple[str, ...]


class TimeIntervals:
    """All named intervals of a configuration. What a route says is remembered until it changes."""

    def __init__(self, named: Sequence[NamedIntervals]) -> None:
        self._named: Mapping[str, tuple[Interval, ...]] = {
            one.name: tuple(compile_interval(interval) for interval in one.time_intervals) for one in named
        }
        self._answers: dict[str, _Answer] = {}

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        """Held back while the group's route is mute, whatever the alert."""
        route = context.route
        if route is None or not (route.options.mute_time_intervals or route.options.active_time_intervals):
            return MuteAnswer()
        answer = self._answers.get(route.id)
        if answer is None or not answer.from_ms <= context.now_ms < answer.until_ms:
            answer = self._answers[route.id] = self._look(route.options, context.now_ms)
        muting = Muting(MuteKind.TIME_INTERVAL, answer.names) if answer.names else None
        return MuteAnswer(muting, changes_ms=answer.until_ms)

    def muted_by(self, options: RouteOptions, now_ms: int) -> tuple[str, ...]:
        """The names of the intervals that make a route mute at a moment: those it is in, or those it is outside of."""
        active = options.active_time_intervals
        if active and not any(self._contains(name, now_ms) for name in active):
            return active
        return tuple(dict.fromkeys(name for name in options.mute_time_intervals if self._contains(name, now_ms)))

    def _contains(self, name: str, now_ms: int) -> bool:
        return any(interval.contains(now_ms) for interval in self._named[name])

    def _look(self, options: RouteOptions, now_ms: int) -> _Answer:
        names = self.muted_by(options, now_ms)
        used = (*options.mute_time_intervals, *options.active_time_intervals)
        intervals = [interval for name in used for interval in self._named[name]]
        for days in (_WEEK_DAYS, HORIZON_DAYS):
            for at_ms in next_change(intervals, now_ms, days):
                if self.muted_by(options, at_ms) != names:
                    return _Answer(now_ms, at_ms, names)
        return _Answer(now_ms, now_ms + HORIZON_DAYS * _DAY_MS, names)


def compile_interval(interval: TimeInterval) -> Interval:
    """A checked interval of the file (``driftbell.runtime.config.router_check`` found no problem)."""

    def ranges(items: list[str | int] | None, read: Callable[[str], Range]) -> tuple[Range, ...] | None:
        return None if items is None else tuple(read(str(item)) for item in items)

    times = interval.times
    return Interval(
        times=None if times is None else tuple(times_of(one.start_time, one.end_time) for one in times),
        weekdays=ranges(interval.weekdays, weekdays_of),
        days_of_month=ranges(interval.days_of_month, days_of_month_of),
        months=ranges(interval.months, months_of),
        years=ranges(interval.years, years_of),
        zone=zone_of(interval.location),
    )
