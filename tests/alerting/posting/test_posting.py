"""Alerts that others post: merged, routed, timed out, kept over a restart."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from driftbell.alerting.posting.posting import GRACE_MS, REMEMBER_MS, Posting, PostResult, merged
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.posted_alerts.posted import Posted, PostedAlert
from driftbell.schemas import fingerprint
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig, VirtualClock

ROUTE = {"group_by": ["model"], "group_wait": 1.0, "group_interval": 10.0}


def seconds(number: float) -> int:
    return START_MS + round(number * 1000)


async def post(
    rig: Rig,
    labels: dict[str, str] | None = None,
    *,
    starts: float | None = None,
    ends: float | None = None,
    summary: str = "",
) -> PostResult:
    alert = PostedAlert(
        labels=labels or {"alertname": "HighLoad", "model": "host"},
        annotations={"summary": summary} if summary else {},
        starts_ms=None if starts is None else seconds(starts),
        ends_ms=None if ends is None else seconds(ends),
    )
    results = await rig.router.change(partial(rig.router.posting.post, [alert]))
    [result] = results
    return result


async def test_a_posted_alert_pages_and_is_closed_when_it_is_not_posted_again() -> None:
    rig = await Rig(ROUTE).start()
    assert await post(rig) is PostResult.FIRING
    await rig.until(200)
    assert await post(rig) is PostResult.REFRESHED
    await rig.until(520)

    # 300 s after the last post it is over; the group is looked at every 10 s.
    assert rig.vendor.story == [(1.0, "trigger"), (501.0, "resolve")]
    [resolve] = [arrival for arrival in rig.vendor.arrivals if arrival.kind == "resolve"]
    [alert] = resolve.delivery.notification.alerts
    assert (alert.startsAt, alert.endsAt) == ("2026-11-24T14:00:00.000Z", "2026-11-24T14:08:20.000Z")


async def test_a_post_with_its_end_in_the_past_closes_at_once_and_opens_nothing() -> None:
    rig = await Rig(ROUTE).start()
    assert await post(rig, ends=-5) is PostResult.NEVER_FIRED
    await post(rig)
    await rig.until(15)
    assert await post(rig, starts=0, ends=14) is PostResult.RESOLVED
    await rig.until(30)
    assert rig.vendor.story == [(1.0, "trigger"), (21.0, "resolve")]


async def test_an_end_in_the_future_is_the_end_also_when_it_is_posted_again_without_one() -> None:
    rig = await Rig(ROUTE).start()
    await post(rig, starts=0, ends=1_000)
    await rig.until(100)
    await post(rig)
    await rig.until(990)
    assert [kind for _, kind in rig.vendor.story] == ["trigger"]
    await rig.until(1_020)
    assert [kind for _, kind in rig.vendor.story] == ["trigger", "resolve"]


async def test_an_alert_that_has_fired_for_longer_than_group_wait_is_told_at_once() -> None:
    rig = await Rig(ROUTE | {"group_wait": 60.0}).start()
    await post(rig, starts=-61)
    await rig.until(0)
    assert rig.vendor.story == [(0.0, "trigger")]


async def test_posted_alerts_and_driftbells_own_share_a_group_by_their_labels() -> None:
    rig = await Rig(ROUTE).start()
    await rig.fire("host")
    await post(rig)
    await rig.until(1)
    [arrival] = rig.vendor.arrivals
    assert sorted(alert.labels["alertname"] for alert in arrival.delivery.notification.alerts) == [
        "ErrorRateRose",
        "HighLoad",
    ]


async def test_a_post_with_the_labels_of_one_of_driftbells_own_changes_nothing() -> None:
    rig = await Rig(ROUTE).start()
    labels = {"alertname": "ErrorRateRose", "model": "host", "version": "3", "severity": "critical"}
    await rig.fire("host")
    assert await post(rig, labels, ends=-1) is PostResult.OWN_ALERT
    await rig.until(2)
    assert [kind for _, kind in rig.vendor.story] == ["trigger"]
    await rig.resolve("host")
    await rig.until(20)
    assert [kind for _, kind in rig.vendor.story] == ["trigger", "resolve"]


async def test_one_of_driftbells_own_takes_over_what_was_posted_with_its_labels() -> None:
    rig = await Rig(ROUTE).start()
    labels = {"alertname": "ErrorRateRose", "model": "host", "version": "3", "severity": "critical"}
    for _ in range(3):
        assert await post(rig, labels) is PostResult.FIRING
        await post(rig, labels, ends=-1, starts=-2)
    await post(rig, labels)
    await rig.fire("host")
    await rig.until(1_000)
    assert [kind for _, kind in rig.vendor.story] == ["trigger"], "its own end counts, not a time-out"
    await rig.resolve("host")
    await rig.until(1_020)
    assert [kind for _, kind in rig.vendor.story] == ["trigger", "resolve"]


async def test_more_than_the_most_are_refused_and_what_is_known_is_refreshed_all_the_same() -> None:
    rig = await Rig(ROUTE).start()
    rig.router.posting = Posting(rig.router._dispatch, most=2)
    alerts = [PostedAlert(labels={"alertname": "A", "n": str(number)}) for number in range(5)]
    results = await rig.router.change(partial(rig.router.posting.post, alerts))
    assert results == Counter({PostResult.FIRING: 2, PostResult.TOO_MANY: 3})
    results = await rig.router.change(partial(rig.router.posting.post, alerts[:3]))
    assert results == Counter({PostResult.REFRESHED: 2, PostResult.TOO_MANY: 1})
    assert "3 alerts were not taken: 2 posted alerts fire already" in rig.router.posting.too_many(3)


async def test_what_is_over_and_was_never_heard_of_is_bounded_too() -> None:
    rig = await Rig(ROUTE).start()
    rig.router.posting = Posting(rig.router._dispatch, most=3)
    for batch in range(3):
        over = [PostedAlert(labels={"n": f"{batch}-{number}"}, ends_ms=seconds(-1)) for number in range(10)]
        results = await rig.router.change(partial(rig.router.posting.post, over))
        assert results == Counter({PostResult.NEVER_FIRED: 10})
        assert len(rig.router.state.entries) == 3
    alerts = [PostedAlert(labels={"n": str(number)}) for number in range(4)]
    results = await rig.router.change(partial(rig.router.posting.post, alerts))
    assert results == Counter({PostResult.FIRING: 3, PostResult.TOO_MANY: 1}), "they take no place of what fires"


async def test_what_fired_and_is_over_makes_room_when_it_was_told() -> None:
    rig = await Rig(ROUTE).start()
    rig.router.posting = Posting(rig.router._dispatch, most=2)
    most_kept = 0
    for batch in range(6):
        labels = [{"model": "host", "n": f"{batch}-{number}"} for number in range(2)]
        firing = [PostedAlert(labels=one) for one in labels]
        results = await rig.router.change(partial(rig.router.posting.post, firing))
        assert results == Counter({PostResult.FIRING: 2})
        most_kept = max(most_kept, len(rig.router.state.entries))
        await rig.until(batch * 30 + 15)
        over = [PostedAlert(labels=one, ends_ms=rig.clock()) for one in labels]
        results = await rig.router.change(partial(rig.router.posting.post, over))
        assert results == Counter({PostResult.RESOLVED: 2})
        await rig.until(batch * 30 + 30)
    assert most_kept == 4


async def test_posted_alerts_outlive_the_router_and_wait_for_a_sign_after_it_was_away() -> None:
    clock, tables = VirtualClock(), MemoryTables()
    rig = await Rig(ROUTE, store=MemoryStore(tables), clock=clock).start()
    await post(rig, summary="load")
    await rig.until(5)

    clock.now_ms = seconds(1_000)
    later = await Rig(ROUTE, store=MemoryStore(tables), clock=clock, channels=rig.channels).start(2)
    await later.until(1_100)
    assert [kind for _, kind in rig.vendor.story] == ["trigger"]
    assert await post(later, starts=0) is PostResult.REFRESHED
    await later.until(1_000 + GRACE_MS / 1000 + 20)
    assert [kind for _, kind in rig.vendor.story] == ["trigger"]
    await later.until(1_500)
    assert [kind for _, kind in rig.vendor.story] == ["trigger", "resolve"]


async def test_what_is_long_over_is_forgotten() -> None:
    rig = await Rig(ROUTE).start()
    await post(rig, ends=5)
    await rig.until(30)
    name = fingerprint({"alertname": "HighLoad", "model": "host"})
    assert rig.router.state.entries[name].posted is not None
    rig.clock.now_ms = seconds(5) + REMEMBER_MS
    await rig.router.heartbeat()
    assert name not in rig.router.state.entries


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        # Start, end and whether the end is a time-out, seconds from now; first without an overlap.
        ((-20, -10, False), (-5, 5, False), (-5, 5, False)),
        ((-20, -10, False), (-10, 5, False), (-10, 5, False)),
        # It begins within the other: the earlier start counts.
        ((-20, 10, True), (-5, 20, True), (-20, 20, True)),
        ((-20, 30, False), (-5, 20, True), (-20, 30, True)),
        ((-20, 30, True), (-5, 20, True), (-20, 20, True)),
        # It ends within the other.
        ((-20, 30, False), (-30, -5, False), (-30, -5, False)),
        ((-20, -1, False), (-30, -5, False), (-30, -1, False)),
        # It is the same, or lies around the other: no end or start of it is inside.
        ((-20, 30, False), (-20, 30, True), (-20, 30, True)),
        ((-20, 10, False), (-30, 20, True), (-30, 20, True)),
    ],
)
def test_two_posts_are_one_where_they_overlap(
    old: tuple[int, int, bool], new: tuple[int, int, bool], wanted: tuple[int, int, bool]
) -> None:
    def made(times: tuple[int, int, bool]) -> Posted:
        return Posted(starts_ms=seconds(times[0]), ends_ms=seconds(times[1]), updated_ms=START_MS, timeout=times[2])

    assert merged(made(old), made(new), START_MS) == made(wanted)
    assert merged(None, made(new), START_MS) == made(new)
