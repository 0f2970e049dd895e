"""Time intervals: against a minute by minute calendar, against the real Alertmanager, and on a timeline."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.alerting.muting.muter import MuteContext, MuteKind
from driftbell.alerting.muting.time_intervals import TimeIntervals, compile_interval
from driftbell.alerting.routing.routes import Node, compile_tree
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.alerting.state.records import Group
from driftbell.fakes.server import FakeServer
from driftbell.runtime.config.router import NamedIntervals, Route, TimeInterval
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Rig
from tests.services.alertmanager import Alertmanager

ZONES = [None, "", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Etc/GMT+12"]
WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
GROUP = Group(id="g", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)
HOUR = 3_600_000


def ms(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def interval(**keys: Any) -> TimeInterval:
    return msgspec.convert(keys, TimeInterval)


def holds(at_ms: int, **keys: Any) -> bool:
    return compile_interval(interval(**keys)).contains(at_ms)


def day(start: str, end: str) -> dict[str, str]:
    return {"start_time": start, "end_time": end}


def around(random: Random, at: datetime) -> dict[str, Any]:
    """An interval that holds at a moment about as often as not."""
    zone = random.choice(ZONES)
    local = at.astimezone(ZoneInfo(zone or "UTC"))

    def pair(value: int, low: int, high: int, spread: int) -> tuple[int, int]:
        first = max(low, min(high, value + random.randint(-spread, 1)))
        return first, max(first, min(high, value + random.randint(-1, spread)))

    keys: dict[str, Any] = {"location": zone}
    if random.random() < 0.6:
        keys["times"] = []
        for _ in range(random.randint(1, 2)):
            start, end = pair(local.hour * 60 + local.minute, 0, 24 * 60 - 1, random.choice([5, 600]))
            keys["times"].append(day(f"{start // 60:02}:{start % 60:02}", f"{(end + 1) // 60:02}:{(end + 1) % 60:02}"))
    if random.random() < 0.3:
        first, last = pair(local.isoweekday() % 7, 0, 6, 2)
        keys["weekdays"] = [f"{WEEKDAYS[first]}:{WEEKDAYS[last]}"]
    if random.random() < 0.3:
        first, last = pair(local.day, 1, 28, 3)
        keys["days_of_month"] = [f"{first}:{last}"]
    if random.random() < 0.2:
        first, last = pair(local.month, 1, 12, 1)
        keys["months"] = [f"{first}:{last}"]
    if random.random() < 0.2:
        first, last = pair(local.year, 1970, 2100, 1)
        keys["years"] = [f"{first}:{last}"]
    return keys


def test_ranges_include_both_ends_but_for_the_last_minute() -> None:
    at = ms("2026-11-24T14:00:00")  # a Tuesday

    assert holds(at, times=[day("14:00", "14:01")])
    assert holds(at + 59_999, times=[day("14:00", "14:01")])
    assert not holds(at + 60_000, times=[day("14:00", "14:01")])
    assert holds(ms("2026-11-24T23:59:59"), times=[day("23:59", "24:00")])
    assert holds(at, weekdays=["sunday:tuesday"]) and holds(at, weekdays=["tuesday"])
    assert not holds(at, weekdays=["wednesday:saturday"])
    assert holds(at, months=["november"], years=[2026], days_of_month=["24"])
    assert not holds(at, months=["november"], years=[2026], days_of_month=["24"], weekdays=["monday"])


def test_a_list_holds_if_one_of_its_ranges_does_and_an_empty_list_never() -> None:
    at = ms("2026-11-24T14:00:00")

    assert holds(at, weekdays=["monday", "tuesday"])
    assert holds(at)
    assert not holds(at, weekdays=[])
    assert not holds(at, times=[])


@pytest.mark.parametrize(
    ("date", "days", "expected"),
    [
        ("2026-02-28", "-1", True),
        ("2028-02-28", "-1", False),
        ("2028-02-29", "-1", True),
        ("2026-02-28", "31", False),
        ("2026-02-28", "28:31", True),
        ("2026-03-31", "-1", True),  # a month of 743 hours in Berlin, of which Alertmanager 0.25 makes 30 days
        ("2026-10-31", "-1", True),
        ("2026-04-01", "-31:-30", True),
        ("2026-12-31", "-1", True),
        ("2026-12-29", "-3:-2", True),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_days_below_zero_count_from_the_months_end(date: str, days: str, expected: bool, zone: str) -> None:
    assert holds(ms(f"{date}T12:00:00", zone), days_of_month=[days], location=zone) is expected


def test_a_zones_own_clock_and_calendar_count() -> None:
    assert holds(
        ms("2026-11-24T23:30:00"), location="Europe/Berlin", weekdays=["wednesday"], times=[day("00:00", "01:00")]
    )
    # In Berlin 02:30 comes twice on this night, and not at all on that.
    for fold in (0, 1):
        assert holds(
            ms("2026-10-25T02:30:00", "Europe/Berlin", fold), location="Europe/Berlin", times=[day("02:00", "03:00")]
        )
    night = range(ms("2026-03-29T00:00:00"), ms("2026-03-29T03:00:00"), 60_000)
    assert not any(holds(at, location="Europe/Berlin", times=[day("02:00", "03:00")]) for at in night)


def node(mute: list[str], active: list[str]) -> Node:
    child = {"mute_time_intervals": mute, "active_time_intervals": active}
    return compile_tree(msgspec.convert({"receiver": "r", "routes": [child]}, Route)).children[0]


def ask(muter: TimeIntervals, route: Node, at_ms: int) -> tuple[tuple[str, ...], int | None]:
    answer = muter.mute(make_alert(), MuteContext(route, GROUP, FiringAlerts(), at_ms))
    return (answer.muting.ids if answer.muting else ()), answer.changes_ms


MOMENTS = [
    *(
        "2026-03-29T00:50:00",
        "2026-10-25T00:50:00",
        "2026-10-24T14:55:00",
        "2026-12-31T22:58:00",
        "2028-02-28T23:59:59",
    ),
    *("2026-04-04T14:40:00", "2026-11-01T05:55:00", "2026-11-24T14:00:00"),
]


@given(st.randoms(use_true_random=False), st.sampled_from(MOMENTS))
@settings(max_examples=60, deadline=None)
def test_the_next_change_is_the_minute_in_which_the_answer_changes(random: Any, moment: str) -> None:
    """Against asking every half minute of two days; the moments are those at which zones change their clocks."""
    start = ms(moment)
    at = datetime.fromtimestamp(start / 1000, UTC)
    named = [
        NamedIntervals(name=name, time_intervals=[interval(**around(random, at)) for _ in range(random.randint(1, 2))])
        for name in "xy"
    ]
    route = node(*random.choice([(["x"], []), ([], ["x"]), (["x"], ["y"]), (["x", "y"], [])]))
    muter = TimeIntervals(named)
    now = start
    while now < start + 30 * HOUR:
        names, changes = ask(muter, route, now)
        assert changes is not None
        assert changes > now
        for looked in range(now, min(changes, start + 30 * HOUR), 30_000):
            assert muter.muted_by(route.options, looked) == names
        if changes < start + 30 * HOUR:
            assert muter.muted_by(route.options, changes) != names
            assert muter.muted_by(route.options, changes - 1) == names
        # As asked by a muter that remembers nothing.
        assert ask(TimeIntervals(named), route, now) == (names, changes)
        now = changes


def test_a_change_a_year_ahead_is_found_and_without_one_it_is_looked_for_again_later() -> None:
    named = [
        NamedIntervals(name="far", time_intervals=[interval(months=["november"], days_of_month=[23])]),
        NamedIntervals(name="over", time_intervals=[interval(years=["1999"])]),
    ]
    now = ms("2026-11-24T14:00:00")

    assert ask(TimeIntervals(named), node(["far"], []), now) == ((), ms("2027-11-23T00:00:00"))
    names, changes = ask(TimeIntervals(named), node([], ["over"]), now)
    assert names == ("over",)
    assert changes is not None and changes > now + 300 * 24 * HOUR


def test_a_clock_that_goes_back_is_answered_for_its_own_time() -> None:
    muter = TimeIntervals([NamedIntervals(name="noon", time_intervals=[interval(times=[day("12:00", "13:00")])])])
    route = node(["noon"], [])

    assert ask(muter, route, ms("2026-11-24T12:30:00"))[0] == ("noon",)
    assert ask(muter, route, ms("2026-11-24T11:30:00"))[0] == ()


async def test_a_route_that_is_mute_at_night_pages_in_the_morning_what_still_fires() -> None:
    named = [NamedIntervals(name="nights", time_intervals=[interval(times=[day("14:00", "15:30")])])]
    route = {"routes": [{"mute_time_intervals": ["nights"]}], "group_wait": 1.0, "group_interval": 300.0}
    one = await Rig(route, muters=[TimeIntervals(named)]).start()  # it is 14:00
    await one.fire("a")
    await one.fire("b")
    await one.until(600)
    await one.resolve("b")
    await one.until(2 * 3600)
    held = {mute.ids(MuteKind.TIME_INTERVAL) for _, decision in one.decisions for mute in decision.muted.values()}

    assert held == {("nights",)}
    assert one.vendor.story == [(5400.0, "trigger")]
    assert one.vendor.arrivals[0].firing == ["a"]


async def test_what_is_open_when_a_mute_begins_is_closed_in_it() -> None:
    named = [NamedIntervals(name="later", time_intervals=[interval(times=[day("14:10", "24:00")])])]
    route = {"routes": [{"mute_time_intervals": ["later"]}], "group_wait": 1.0, "group_interval": 60.0}
    one = await Rig(route, muters=[TimeIntervals(named)]).start()
    await one.fire()
    await one.until(1200)
    await one.resolve()
    await one.until(1300)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]


class Hook(FakeServer):
    """Notes which routes notify."""

    def __init__(self) -> None:
        super().__init__()
        self.routes: set[str] = set()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.routes.add((await request.json())["commonLabels"]["route"])
        return web.Response()


@pytest.mark.slow
def test_the_same_routes_are_mute_now_as_in_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It can only be asked about this minute: some thousand routes with intervals around it."""
    random = Random(20)
    # Not on the edge of a minute: their clock is read a little after ours.
    time.sleep(max(0.0, time.time() % 60 - 50) and 61 - time.time() % 60)
    at = datetime.now(UTC)
    named = [
        {"name": f"i{number}", "time_intervals": [around(random, at) for _ in range(random.randint(0, 2))]}
        for number in range(300)
    ]
    names = [one["name"] for one in named]
    routes: list[dict[str, Any]] = [
        {
            "matchers": [f'route="{number}"'],
            "mute_time_intervals": random.sample(names, random.choice([0, 1, 1, 2])),
            "active_time_intervals": random.sample(names, random.choice([0, 0, 1, 2])),
        }
        for number in range(2_000)
    ]

    async def run() -> set[str]:
        async with Hook() as hook:
            receiver = {"name": "r", "webhook_configs": [{"url": f"{hook.address}/"}]}
            root = {"receiver": "r", "group_by": ["..."], "group_wait": "0s", "routes": routes}
            config = {"route": root, "receivers": [receiver], "time_intervals": named}
            with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as server:
                until = (at + timedelta(hours=1)).isoformat()
                body = [{"labels": {"route": str(number)}, "endsAt": until} for number in range(len(routes))]
                assert (await asyncio.to_thread(server.call, "POST", "/alerts", body))[0] == 200
                count = -1
                while count != len(hook.routes) or not count:
                    count = len(hook.routes)
                    await asyncio.sleep(1.5)
            return hook.routes

    loud = asyncio.run(run())
    muter = TimeIntervals([msgspec.convert(one, NamedIntervals) for one in named])
    ours = set()
    for number, route in enumerate(routes):
        compiled = node(route["mute_time_intervals"], route["active_time_intervals"])
        if not muter.muted_by(compiled.options, round(at.timestamp() * 1000)):
            ours.add(str(number))

    assert ours == loud
    assert 400 < len(ours) < 1_600
