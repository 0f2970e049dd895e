"""One cause, one page: which alerts are one incident where a route correlates, and that each incident is closed."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.incidents.correlation import MAX_FEATURES, MAX_PAST, Joining, note, place
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.routing.routes import Node, compile_tree, group_id
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.state import Draft, State
from driftbell.runtime.config.router import Route
from driftbell.schemas import Alert, Evidence, FeatureShift
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.rig import Rig

WINDOW = 900
ROUTE: dict[str, Any] = {
    "group_by": ["model"],
    "group_wait": 1,
    "group_interval": 60,
    "repeat_interval": 36_000,
    "correlate": {"window": WINDOW},
}
PLAIN = {name: value for name, value in ROUTE.items() if name != "correlate"}
DAY = 86_400


def alert(
    name: str,
    at: float,
    status: str = "firing",
    *,
    family: str = "quality",
    feature: str = "",
    cause: float | None = None,
    moved: tuple[str, ...] = (),
    episode: int = 1,
    severity: str = "critical",
    model: str = "shuttle",
) -> Alert:
    """An alert at ``at`` seconds whose change point lies at ``cause``; None: it has none."""
    labels = {"alertname": name, "model": model, "version": "1", "severity": severity, "family": family}
    if feature:
        labels["feature"] = feature
    return make_alert(
        status,  # type: ignore[arg-type]
        at_ms=START_MS + round(at * 1000),
        episode=episode,
        labels=labels,
        evidence=Evidence(
            metric="rate",
            change_point_ms=None if cause is None else START_MS + round(cause * 1000),
            features=[FeatureShift(feature=one, evidence=9.0) for one in moved],
        ),
    )


def the_change(at: float = 2.0, status: str = "firing", episode: int = 1) -> list[Alert]:
    """What one change upstream makes of the data: out of range, a new category, drift of both, and of the predictions."""
    return [
        alert("OutOfRange", at, status, feature="f7", cause=0, episode=episode),
        alert("UnseenCategory", at, status, feature="mode", cause=0, episode=episode),
        alert("FeatureDrift", at, status, family="drift", feature="f7", cause=0, severity="warning", episode=episode),
        alert("FeatureDrift", at, status, family="drift", feature="mode", cause=0, severity="warning", episode=episode),
        alert("PredictionDrift", at, status, family="drift", cause=0, severity="warning", episode=episode),
    ]


async def run(rig: Rig, timeline: list[Alert]) -> None:
    """Let the records arrive at their times, and everything end."""
    for one in sorted(timeline, key=lambda record: record.updatedAt):
        await rig.until((int(_ms(one.updatedAt)) - START_MS) / 1000)
        await rig.push(one)
    await rig.until(rig.now + 7200)


def _ms(text: str) -> int:
    from driftbell.alerting.times import to_ms

    return to_ms(text)


def incidents(rig: Rig) -> int:
    return rig.vendor.opened


def assert_all_closed(rig: Rig) -> None:
    assert rig.vendor.open == {}
    assert (rig.vendor.opened, rig.vendor.stray) == (rig.vendor.closed, 0)
    assert rig.router.state.groups == {}
    assert rig.router.state.queues == {}


@pytest.mark.parametrize("late", [3.0, 600.0, float(DAY)], ids=["3 s", "10 min", "one day"])
async def test_the_labels_of_one_cause_are_no_second_page_however_late_they_come(late: float) -> None:
    error = alert("ErrorRateRose", 5 + late, family="performance", cause=late, moved=("f7", "mode"))
    over = 2 * DAY
    ends = [*the_change(over, "resolved"), msgspec.structs.replace(error, status="resolved", id="over")]
    ends[-1] = alert("ErrorRateRose", over + late, "resolved", family="performance", moved=("f7", "mode"))
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), error, *ends])

    assert incidents(rig) == 1
    assert_all_closed(rig)


async def test_what_fails_independently_two_hours_later_is_a_page_of_its_own() -> None:
    silent = alert("ModelSilent", 7200, family="volume")
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), silent])
    assert len(rig.vendor.open) == 2

    await run(rig, [*the_change(20_000, "resolved"), alert("ModelSilent", 20_000, "resolved", family="volume")])
    assert incidents(rig) == 2
    assert_all_closed(rig)


async def test_without_correlation_it_is_only_an_update_of_the_first() -> None:
    rig = await Rig(PLAIN).start()
    await run(rig, [*the_change(), alert("ModelSilent", 7200, family="volume")])

    assert incidents(rig) == 1


async def test_an_alert_that_returns_is_in_its_incident_while_that_is_open() -> None:
    again = alert("OutOfRange", 9_000, feature="f7", cause=8_900, episode=2)
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), alert("OutOfRange", 1_000, "resolved", feature="f7"), again])
    assert incidents(rig) == 1

    ends = [*the_change(20_000, "resolved")]
    ends[0] = alert("OutOfRange", 20_000, "resolved", feature="f7", episode=2)
    await run(rig, ends)
    assert_all_closed(rig)


async def test_the_same_trouble_after_the_incident_was_closed_is_a_new_one() -> None:
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), *the_change(300, "resolved")])
    assert_all_closed(rig)
    first = rig.vendor.arrivals[0].delivery.key
    await run(rig, [*the_change(20_000, episode=2), *the_change(20_300, "resolved", episode=2)])

    assert incidents(rig) == 2
    assert rig.vendor.arrivals[-1].delivery.key != first
    assert_all_closed(rig)


async def test_alerts_about_driftbell_itself_are_never_mixed_in() -> None:
    broken = alert("MonitorBroken", 2, family="health", severity="warning")
    rig = await Rig(ROUTE).start()
    await run(rig, [broken, *the_change()])

    assert incidents(rig) == 2
    for page in rig.vendor.arrivals:
        families = {one.labels["family"] for one in page.delivery.notification.alerts}
        assert families == {"health"} or "health" not in families
    ends = [alert("MonitorBroken", 9_000, "resolved", family="health", severity="warning")]
    await run(rig, [*the_change(9_000, "resolved"), *ends])
    assert_all_closed(rig)


async def test_a_slow_detector_finds_the_same_change_much_later() -> None:
    found_late = alert("FeatureDrift", 6 * 3600, family="drift", feature="f3", cause=30, severity="warning")
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), found_late])

    assert incidents(rig) == 1


async def test_late_labels_about_other_features_are_another_cause() -> None:
    other = alert("ErrorRateRose", DAY, family="performance", cause=DAY - 60, moved=("f1",))
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), other])

    assert incidents(rig) == 2


async def test_the_window_ends_that_long_after_the_opening_whatever_joins() -> None:
    """Alerts every ten minutes are no chain: the upper end does not move."""
    steps = [alert(f"Step{number}", 600 * number, family="latency") for number in range(7)]
    rig = await Rig(ROUTE).start()
    await run(rig, steps)

    # 0 and 600; 1200 and 1800; 2400 and 3000; 3600.
    assert incidents(rig) == 4


async def test_a_rise_of_severity_pages_again_at_once_and_both_calls_are_closed_together() -> None:
    data = [msgspec.structs.replace(one) for one in the_change()[2:]]  # warnings
    error = alert("ErrorRateRose", 40, family="performance", cause=0, moved=("f7",))
    rig = await Rig(ROUTE).start()
    await run(rig, [*data, error])
    calls = [
        (page.at, page.delivery.notification.severity.value) for page in rig.vendor.arrivals if page.delivery.calls
    ]
    assert calls == [(3.0, "warning"), (40.0, "critical")]
    assert len({page.delivery.incident.id for page in rig.vendor.arrivals}) == 1

    ends = the_change(9_000, "resolved")[2:]
    await run(rig, [*ends, alert("ErrorRateRose", 9_000, "resolved", family="performance", moved=("f7",))])
    assert_all_closed(rig)


async def test_incidents_survive_a_restart() -> None:
    tables = MemoryTables()
    rig = await Rig(ROUTE, store=MemoryStore(tables)).start()
    await run(rig, [*the_change(), alert("ModelSilent", 7200, family="volume")])
    heir = Rig(ROUTE, store=MemoryStore(tables), topic=rig.topic, clock=rig.clock, channels=rig.channels)
    await heir.start(generation=2)

    late = alert("ErrorRateRose", DAY, family="performance", cause=DAY - 60, moved=("f7",))
    await run(heir, [late])
    assert incidents(heir) == 2
    ends = [*the_change(2 * DAY, "resolved"), alert("ModelSilent", 2 * DAY, "resolved", family="volume")]
    await run(heir, [*ends, alert("ErrorRateRose", 2 * DAY, "resolved", family="performance", moved=("f7",))])
    assert_all_closed(heir)


async def test_a_replay_after_a_lost_state_finds_the_same_incidents() -> None:
    """Their keys at the vendor are the same, so that nobody is paged a second time."""
    rig = await Rig(ROUTE).start()
    await run(rig, [*the_change(), alert("ModelSilent", 7200, family="volume")])
    heir = await Rig(ROUTE, topic=rig.topic, clock=rig.clock).start(generation=2)
    await heir.until(heir.now + 600)

    assert set(heir.vendor.open) == set(rig.vendor.open)


@pytest.mark.parametrize(("before", "after"), [(PLAIN, ROUTE), (ROUTE, PLAIN)], ids=["on", "off"])
async def test_nothing_is_paged_or_closed_when_correlation_is_switched(before: Any, after: Any) -> None:
    tables = MemoryTables()
    rig = await Rig(before, store=MemoryStore(tables)).start()
    health = alert("MonitorBroken", 3, family="health", severity="warning")
    await run(rig, [*the_change(), health])
    told = len(rig.vendor.arrivals)
    heir = Rig(after, store=MemoryStore(tables), topic=rig.topic, clock=rig.clock, channels=rig.channels)
    await heir.start(generation=2)
    await heir.until(heir.now + 600)
    assert len(heir.vendor.arrivals) == told

    late = alert("ErrorRateRose", DAY, family="performance", cause=DAY - 60, moved=("f7",))
    returned = [
        alert("OutOfRange", DAY, "resolved", feature="f7"),
        alert("OutOfRange", DAY + 1, feature="f7", episode=2),
    ]
    await run(heir, [late, *returned])
    assert all(len(entry.groups) == 1 for entry in heir.router.state.entries.values())
    ends = the_change(2 * DAY, "resolved")
    ends[0] = alert("OutOfRange", 2 * DAY, "resolved", feature="f7", episode=2)
    ends.append(alert("MonitorBroken", 2 * DAY, "resolved", family="health", severity="warning"))
    await run(heir, [*ends, alert("ErrorRateRose", 2 * DAY, "resolved", family="performance", moved=("f7",))])
    assert_all_closed(heir)


async def test_a_group_of_before_takes_in_what_has_its_cause() -> None:
    tables = MemoryTables()
    rig = await Rig(PLAIN, store=MemoryStore(tables)).start()
    await run(rig, the_change())
    heir = Rig(ROUTE, store=MemoryStore(tables), topic=rig.topic, clock=rig.clock, channels=rig.channels)
    await heir.start(generation=2)
    late = alert("ErrorRateRose", DAY, family="performance", cause=DAY - 60, moved=("f7",))
    await run(heir, [late, alert("ModelSilent", DAY + 60, family="volume")])

    assert incidents(heir) == 2
    assert sorted(len(group.members) for group in heir.router.state.groups.values()) == [1, 6]


async def test_a_route_below_inherits_it_and_can_switch_it_off() -> None:
    route = {
        **ROUTE,
        "routes": [
            {"matchers": ['model="on"'], "continue": False},
            {"matchers": ['model="off"'], "correlate": {"window": 0}},
        ],
    }
    for model, expected in (("on", 2), ("off", 1)):
        rig = await Rig(route).start()
        await run(rig, [alert("A", 0, model=model), alert("B", 7200, model=model)])
        assert incidents(rig) == expected


# The rules on generated timelines

FEATURES = ("f1", "f2")


@st.composite
def one_life(draw: st.DrawFn) -> tuple[Alert, Alert]:
    """One alert from its firing to its end."""
    family = draw(st.sampled_from(["quality", "drift", "performance", "volume", "health"]))
    feature = draw(st.sampled_from(FEATURES)) if family == "quality" else draw(st.sampled_from(["", *FEATURES]))
    moved = draw(st.sets(st.sampled_from(FEATURES))) if family == "performance" else set()
    begin = draw(st.integers(0, 12)) * 400.0
    end = begin + draw(st.integers(1, 12)) * 400.0
    cause = draw(st.one_of(st.none(), st.integers(0, 8).map(lambda steps: begin - 300.0 * steps)))
    severity = draw(st.sampled_from(["critical", "warning"]))
    name = draw(st.sampled_from(["A", "B", "C"]))
    fields: dict[str, Any] = {
        "family": family,
        "feature": feature if family in ("quality", "drift") else "",
        "cause": cause,
        "moved": tuple(sorted(moved)),
        "severity": severity,
        "model": draw(st.sampled_from(["one", "two"])),
    }
    return alert(name, begin, **fields), alert(name, end, "resolved", **fields)


def distinct(lives: list[tuple[Alert, Alert]]) -> list[Alert]:
    seen: dict[str, tuple[Alert, Alert]] = {}
    for life in lives:
        seen.setdefault(life[0].fingerprint, life)
    return [record for life in seen.values() for record in life]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(one_life(), min_size=1, max_size=10))
@pytest.mark.slow
async def test_on_any_timeline_no_alert_is_in_two_incidents_and_every_incident_is_closed(
    lives: list[tuple[Alert, Alert]],
) -> None:
    rig = await Rig(ROUTE).start()
    for one in sorted(distinct(lives), key=lambda record: record.updatedAt):
        await rig.until((_ms(one.updatedAt) - START_MS) / 1000)
        await rig.push(one)
        state = rig.router.state
        for entry in state.entries.values():
            assert len(entry.groups) <= 1
        for group in state.groups.values():
            families = {state.entries[name].alert.labels["family"] for name in group.members}  # type: ignore[union-attr]
            assert families == {"health"} or "health" not in families
            assert all(group.id in state.entries[name].groups for name in group.members)
            assert (group.id in state.incidents(group.base)) == bool(group.base)
    await rig.until(rig.now + 7200)
    assert_all_closed(rig)


def grouping(records: list[Alert], order: tuple[int, ...]) -> set[frozenset[str]]:
    """Which alerts are one incident when the records of one time slice arrive in an order."""
    draft = Draft(State())
    node = compile_tree(msgspec.convert({"receiver": "oncall", **ROUTE}, Route))
    from driftbell.alerting.incidents.dispatch import Dispatch

    dispatch = Dispatch(node, [])
    for index in order:
        dispatch.apply(draft, records[index], START_MS + 5000)
    return {frozenset(group.members) for group in draft.groups.values() if group is not None}


@settings(max_examples=100, deadline=None)
@given(st.lists(one_life(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_incidents_do_not_depend_on_the_order_within_a_time_slice(lives: list[Any], random: Any) -> None:
    at = START_MS + 3_600_000
    moment = "2026-11-24T15:00:00.000Z"
    records = [
        msgspec.structs.replace(one, startsAt=moment, updatedAt=moment)
        for one in distinct(lives)
        if one.status == "firing"
    ]
    assert _ms(moment) == at
    orders = list(itertools.permutations(range(len(records))))
    sample = random.sample(orders, min(6, len(orders)))
    assert len({frozenset(grouping(records, order)) for order in [orders[0], *sample]}) == 1


# The rules one by one

NODE: Node = compile_tree(msgspec.convert({"receiver": "oncall", **ROUTE}, Route))
LABELS = {"model": "shuttle"}


def open_incident(**changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "id": "i1",
        "route_id": NODE.id,
        "key": "{}",
        "labels": LABELS,
        "created_ms": START_MS,
        "next_flush_ms": START_MS,
        "flushed": True,
        "members": {"other"},
        "base": group_id(NODE, LABELS),
        "onset_ms": START_MS,
        "opened_ms": START_MS + 60_000,
        "features": {"f7"},
    }
    return Draft(State(groups=[Group(**fields | changes)]))


@pytest.mark.parametrize(
    ("cause", "joining"),
    [
        (-WINDOW - 0.001, Joining.OPENS),
        (-WINDOW, Joining.SAME_TIME),
        (0, Joining.SAME_TIME),
        (60 + WINDOW, Joining.SAME_TIME),
        (60 + WINDOW + 0.001, Joining.OPENS),
    ],
)
def test_the_same_time_is_the_window_around_onset_and_opening(cause: float, joining: Joining) -> None:
    one = alert("OutOfRange", 7200, feature="f7", cause=cause)

    assert place(open_incident(), NODE, LABELS, one, START_MS + 7_200_000).reason is joining


@pytest.mark.parametrize(
    ("one", "joining"),
    [
        (alert("ErrorRateRose", DAY, family="performance", moved=("f7",)), Joining.SAME_FEATURES),
        (alert("ErrorRateRose", DAY, family="performance", moved=("f1",)), Joining.OPENS),
        (alert("ErrorRateRose", DAY, family="performance", moved=("f7",), cause=-WINDOW - 1), Joining.OPENS),
        (alert("RelationMoved", DAY, family="concept", moved=("f1", "f7")), Joining.SAME_FEATURES),
        (alert("PredictionDrift", DAY, family="drift", moved=("f7",)), Joining.SAME_FEATURES),
        (alert("FeatureDrift", DAY, family="drift", feature="f7"), Joining.OPENS),
        (alert("OutOfRange", DAY, feature="f7"), Joining.OPENS),
        (alert("MonitorBroken", 0, family="health"), Joining.HEALTH),
    ],
)
def test_only_what_comes_late_joins_by_its_features(one: Alert, joining: Joining) -> None:
    assert place(open_incident(), NODE, LABELS, one, START_MS + DAY * 1000).reason is joining


def test_an_alert_that_was_in_the_incident_is_known() -> None:
    one = alert("ModelSilent", DAY, family="volume")

    assert place(open_incident(past={one.fingerprint: 1}), NODE, LABELS, one, DAY).reason is Joining.SAME_ALERT
    assert place(open_incident(members={one.fingerprint}), NODE, LABELS, one, DAY).reason is Joining.SAME_ALERT


def test_of_two_incidents_the_nearer_takes_it() -> None:
    draft = open_incident()
    [first] = draft.state.groups.values()
    near = msgspec.structs.replace(first, id="i2", onset_ms=START_MS + 600_000, opened_ms=START_MS + 660_000)
    draft = Draft(State(groups=[first, near]))
    one = alert("OutOfRange", 7200, feature="f7", cause=500)

    assert place(draft, NODE, LABELS, one, START_MS + 7_200_000).group_id == "i2"


@pytest.mark.parametrize("change_point", [-(2**63), -1, 0, 2**63 - 1])
def test_a_change_point_that_is_no_time_counts_as_none(change_point: int) -> None:
    one = msgspec.structs.replace(
        alert("OutOfRange", 30, feature="f7"), evidence=Evidence(metric="rate", change_point_ms=change_point)
    )

    assert place(open_incident(), NODE, LABELS, one, START_MS + 30_000).reason is Joining.SAME_TIME


async def test_what_an_incident_remembers_is_bounded() -> None:
    rig = await Rig(ROUTE).start()
    many = MAX_PAST + 200
    await rig.push(alert("ModelSilent", 0, family="volume"))
    await rig.push(*(alert("OutOfRange", 0, feature=f"f{number}", cause=0) for number in range(many)))
    await rig.until(5)
    await rig.push(*(alert("OutOfRange", 5, "resolved", feature=f"f{number}", cause=0) for number in range(many)))
    await rig.until(500)

    [group] = rig.router.state.groups.values()
    assert (len(group.features), len(group.past)) == (MAX_FEATURES, MAX_PAST)
    await rig.push(alert("ModelSilent", 500, "resolved", family="volume"))
    await rig.until(1000)
    assert_all_closed(rig)


def test_the_onset_moves_until_people_are_told_and_not_after() -> None:
    draft = open_incident(flushed=False)
    group = draft.group("i1")
    assert group is not None
    note(group, alert("OutOfRange", 100, feature="f1", cause=-50), START_MS)
    assert group.onset_ms == START_MS - 50_000
    group.flushed = True
    note(group, alert("OutOfRange", 100, feature="f2", cause=-500), START_MS)
    assert group.onset_ms == START_MS - 50_000
    assert group.features == {"f1", "f2", "f7"}


async def test_a_storm_of_one_model_is_one_message_that_says_how_many_more() -> None:
    rig = await Rig(ROUTE).start()
    await rig.push(*(alert("OutOfRange", 0, feature=f"f{number}", cause=0) for number in range(2_000)))
    await rig.until(200)

    [page] = rig.vendor.arrivals
    message = compose(page.delivery.notification, page.delivery.incident, page.delivery.kind)
    assert (len(message.items), message.more) == (5, 1_995)
    assert "and 1,995 more" in list(message.lines())
