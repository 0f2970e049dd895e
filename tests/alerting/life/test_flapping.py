"""Flapping: pages of their own up to a number, then one that is kept open until it is quiet; nothing is lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.life.flapping import FlappingRule
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.state.memory import MemoryStore
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.router_check import check
from driftbell.schemas import Alert
from tests.alerting.life.test_acknowledging import BOTH, acknowledge, mark, rig
from tests.alerting.rig import Rig

RULE = FlappingRule(opens=2, window_ms=600_000, quiet_ms=120_000)


def flapper(**options: Any) -> Rig:
    return rig({"repeat_interval": 30_000}, flapping=RULE, **options)


async def flap(one: Rig, times: int, *, first: int = 1, fires: float = 20, quiet: float = 20) -> None:
    for episode in range(first, first + times):
        await one.fire(episode=episode)
        await one.until(one.now + fires)
        await one.resolve(episode=episode)
        await one.until(one.now + quiet)


async def test_it_is_one_page_that_says_so_and_is_closed_once_when_it_is_quiet() -> None:
    one = await flapper().start()
    await flap(one, 10)
    assert one.vendor.opened == 3
    assert [kind for at, kind in one.vendor.story if at > 100] == []
    told = one.vendor.arrivals[-1].delivery
    state = compose(told.notification, told.incident, told.kind).state
    assert state.endswith("flaps: began more than 2 times within 10 min, and is kept open until it is quiet for 2 min")
    last = one.now - 20
    await one.until(2_000)

    assert one.vendor.story[-1] == (last + 120, "resolve")
    assert (one.vendor.opened, one.vendor.closed, one.vendor.open) == (3, 3, {})


async def test_within_one_group_interval_it_is_said_once_where_it_would_not_be_noticed() -> None:
    one = await flapper().start()
    await one.fire()
    await one.until(20)
    for episode in range(2, 6):
        await one.resolve(episode=episode - 1)
        await one.fire(episode=episode)
    await one.until(100)

    reasons = [reason for _, reason in one.reasons() if reason.sends]
    assert reasons == [DecisionReason.FIRST_NOTIFICATION, DecisionReason.FLAPPING]
    assert one.vendor.calls == [1]


async def test_what_fires_on_for_long_is_over_when_it_is_over() -> None:
    one = await flapper().start()
    await flap(one, 4)
    await one.fire(episode=5)
    await one.until(one.now + 300)
    await one.resolve(episode=5)
    over = one.now
    await one.until(one.now + 30)

    assert one.vendor.open == {}
    assert one.vendor.story[-1][0] - over <= 10


async def test_after_the_quiet_it_pages_again_and_is_kept_open_again() -> None:
    one = await flapper().start()
    await flap(one, 4)
    await one.until(one.now + 200)
    assert one.vendor.open == {}
    await one.fire(episode=5)
    await one.until(one.now + 20)
    await one.resolve(episode=5)
    await one.until(one.now + 60)

    # Within the window it has still fired more than twice.
    assert len(one.vendor.open) == 1
    await one.until(one.now + 700)
    await one.fire(episode=6)
    await one.until(one.now + 20)
    await one.resolve(episode=6)
    await one.until(one.now + 30)
    assert one.vendor.open == {}


async def test_an_acknowledgement_holds_for_as_long_as_it_is_kept_open() -> None:
    one = await flapper().start()
    await flap(one, 4)
    assert (await acknowledge(one, mark())).alerts == (mark(),)
    await one.until(one.now + 15)
    calls = list(one.vendor.calls)
    await flap(one, 4, first=5)
    assert one.vendor.calls == calls
    await one.until(one.now + 300)
    await one.fire(episode=9)
    await one.until(one.now + 20)

    assert len(one.vendor.calls) == len(calls) + 1


async def test_another_alert_of_the_group_is_told_meanwhile() -> None:
    one = await flapper().start()
    await flap(one, 4)
    await one.fire(severity="warning")
    await one.until(one.now + 20)

    assert one.vendor.arrivals[-1].firing == ["fraud", "fraud"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["flip", "flip", "flip", "restart", "ack"]), st.integers(min_value=1, max_value=150)),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_while_it_fires_a_page_is_open_and_in_the_end_all_are_closed_once(steps: list[tuple[str, int]]) -> None:
    store, topic = MemoryStore(), list[Alert]()
    one = await flapper(store=store, topic=topic).start()
    channels, clock, generation = one.channels, one.clock, 1
    episode, firing = 0, False
    fires: list[float] = []
    for what, seconds in steps:
        if what == "flip":
            firing = not firing
            episode += firing
            if firing:
                fires.append(one.now)
            await (one.fire(episode=episode) if firing else one.resolve(episode=episode))
        elif what == "ack":
            await acknowledge(one, mark())
        else:
            generation += 1
            one = await flapper(store=store, topic=topic, clock=clock, channels=channels).start(generation)
        await one.until(one.now + seconds)
        if firing and fires[-1] + 11 <= one.now and mark() not in _acknowledged(one):
            assert one.vendor.open
    if firing:
        await one.resolve(episode=episode)
    await one.until(one.now + 1_000)

    for name in BOTH:
        vendor = channels[name]
        assert (vendor.open, vendor.opened - vendor.closed, vendor.stray) == ({}, 0, 0)
        for begin in fires:
            # Up to two pages of their own, one that is kept open, and one when it was quiet in between.
            assert sum(begin <= at < begin + 140 for at in vendor.calls) <= 4


def _acknowledged(one: Rig) -> set[str]:
    return {name for name, entry in one.router.state.entries.items() if entry.acknowledgement is not None}


@pytest.mark.parametrize("key", ["window", "quiet"])
def test_what_cannot_work_is_refused(key: str) -> None:
    [problem] = check(msgspec.convert({"flapping": {key: 0}}, RouterConfig))
    assert problem.path == ("flapping", key)
