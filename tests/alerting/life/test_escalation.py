"""Escalation and reminders: who is told, when, of what nobody has taken on; and that all of it is closed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.silence import Command, PutSilence, SilenceMatcher
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.router_check import check
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS
from tests.alerting.life.test_acknowledging import acknowledge, give_back, mark, rig
from tests.alerting.rig import Rig

LADDER = ("oncall/pagerduty[0]", "lead/slack[0]", "manager/email[0]")
STEPS: list[dict[str, Any]] = [{"after": 100, "receiver": "lead"}, {"after": 300, "receiver": "manager"}]
#: Nothing else is due between the steps.
QUIET = {"group_interval": 3_000, "repeat_interval": 30_000}


def ladder(steps: list[dict[str, Any]] | None = None, **options: Any) -> Rig:
    route = {"escalate": STEPS if steps is None else steps, **QUIET, **options.pop("route", {})}
    return rig(route, destinations=LADDER, **options)


def stories(one: Rig) -> list[list[tuple[float, str]]]:
    return [one.channels[name].story for name in LADDER]


async def test_what_nobody_takes_on_reaches_the_next_receivers_in_time_and_is_closed_on_all() -> None:
    one = await ladder().start()
    await one.fire()
    await one.until(1_000)
    assert stories(one) == [[(1, "trigger")], [(101, "trigger")], [(301, "trigger")]]
    told = one.channels[LADDER[1]].arrivals[0].delivery
    assert compose(told.notification, told.incident, told.kind).state.endswith("; nobody has acknowledged it for 100 s")
    assert one.reasons(LADDER[1])[0] == (101, DecisionReason.ESCALATED)
    await one.resolve()
    await one.until(10_000)

    assert [channel.open for channel in one.channels.values()] == [{}, {}, {}]
    assert [channel.closed for channel in one.channels.values()] == [1, 1, 1]


async def test_an_acknowledgement_stops_it_and_shows_on_what_was_reached() -> None:
    one = await ladder().start()
    await one.fire()
    await one.until(150)
    await acknowledge(one, mark())
    await one.until(2_000)

    assert stories(one) == [[(1, "trigger"), (150, "update")], [(101, "trigger"), (150, "update")], []]
    assert [len(one.channels[name].acknowledged) for name in LADDER] == [1, 1, 0]


async def test_given_back_the_clock_begins_anew_where_it_was() -> None:
    one = await ladder().start()
    await one.fire()
    await one.until(150)
    await acknowledge(one, mark())
    await one.until(1_000)
    await give_back(one, mark())
    await one.until(2_000)

    # Both that were told are called again; the next step counts from now.
    assert [one.channels[name].calls for name in LADDER] == [[1, 1_000], [101, 1_000], [1_300]]


async def test_a_step_to_those_who_were_told_already_calls_them_again() -> None:
    one = await ladder([{"after": 60, "receiver": "oncall"}]).start()
    await one.fire()
    await one.until(500)

    assert one.vendor.calls == [1, 61]
    assert len(one.vendor.open) == 2


async def test_a_restart_changes_nothing_and_what_is_overdue_comes_at_once() -> None:
    store, topic = MemoryStore(), list[Alert]()
    one = await ladder(store=store, topic=topic).start()
    await one.fire()
    await one.until(50)
    two = await ladder(store=store, topic=topic, clock=one.clock, channels=one.channels).start(2)
    await two.until(150)
    two.clock.now_ms = START_MS + 700_000
    three = await ladder(store=store, topic=topic, clock=one.clock, channels=one.channels).start(3)
    await three.until(900)

    assert stories(three) == [[(1, "trigger")], [(101, "trigger")], [(700, "trigger")]]


async def test_a_silence_stops_the_clock() -> None:
    one = await ladder().start()
    await one.fire()
    await one.until(50)
    model = SilenceMatcher(name="model", value="fraud")
    put = PutSilence(matchers=(model,), ends_ms=one.clock() + 4_000_000)
    await one.router.command(Command(id="silence", action=put))
    await one.until(3_900)
    assert stories(one)[1] == []
    await one.until(5_000)

    # Told before, it is not told again when the silence ends; the clock begins there.
    assert stories(one)[1] == [(4_150.001, "trigger")]


async def test_a_step_that_is_gone_from_the_configuration_is_closed() -> None:
    store, topic = MemoryStore(), list[Alert]()
    one = await ladder(store=store, topic=topic).start()
    await one.fire()
    await one.until(150)
    two = await ladder([], store=store, topic=topic, clock=one.clock, channels=one.channels).start(2)
    await two.until(1_000)

    assert stories(two) == [[(1, "trigger")], [(101, "trigger"), (150, "resolve")], []]
    assert one.channels[LADDER[1]].open == {}


async def test_a_step_that_a_change_puts_before_them_does_not_undo_those_that_were_reached() -> None:
    store, topic = MemoryStore(), list[Alert]()
    one = await ladder([STEPS[0]], store=store, topic=topic).start()
    await one.fire()
    await one.until(150)
    more = [{"after": 50, "receiver": "manager"}, STEPS[0], {"after": 200, "receiver": "lead"}]
    two = await ladder(more, store=store, topic=topic, clock=one.clock, channels=one.channels).start(2)
    await two.until(180)
    assert stories(two) == [[(1, "trigger")], [(101, "trigger")], [(150, "trigger")]]
    await two.until(4_000)

    # Told at once, as its time has passed; the one that is named again is called again when its time comes.
    lead, manager = (one.channels[name] for name in LADDER[1:])
    assert lead.calls == [101, 201]
    assert manager.calls == [150]
    await two.resolve()
    await two.until(9_000)
    assert [channel.open for channel in one.channels.values()] == [{}, {}, {}]


async def test_a_reminder_calls_again_until_somebody_has_it() -> None:
    one = await rig({**QUIET, "remind": 200}).start()
    await one.fire()
    await one.until(500)
    assert one.vendor.calls == [1, 201, 401]
    assert (201, DecisionReason.REMINDER) in one.reasons()
    await acknowledge(one, mark())
    await one.until(5_000)
    assert one.vendor.calls == [1, 201, 401]
    await one.resolve()
    await one.until(9_000)

    assert (one.vendor.open, one.vendor.closed) == ({}, 3)


async def test_repeats_of_an_unchanged_incident_do_not_put_a_reminder_off() -> None:
    one = await rig({"group_interval": 10, "repeat_interval": 30, "remind": 200}).start()
    await one.fire()
    await one.until(500)

    assert one.vendor.calls == [1, 201, 401]
    assert len(one.vendor.arrivals) > 10


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "fire", "resolve", "ack", "snooze", "give back", "restart"]),
        st.sampled_from(["fraud", "churn"]),
        st.integers(min_value=15, max_value=120),
    ),
    max_size=12,
)


@given(ACTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_the_next_receiver_hears_of_it_if_and_only_if_nobody_had_it_for_so_long(
    actions: list[tuple[str, str, int]],
) -> None:
    """With a group_interval that is shorter than every wait, and one alert in a group, the steps can be reckoned by hand."""
    route = {"group_interval": 10, "repeat_interval": 30_000, "group_wait": 0}
    store, topic = MemoryStore(), list[Alert]()
    one = await ladder(store=store, topic=topic, route=route).start()
    channels, clock, generation = one.channels, one.clock, 1
    episodes: dict[str, int] = {}
    firing: dict[str, float] = {}
    #: Since when nobody has it; when it was snoozed, the end of that.
    free: dict[str, float] = {}
    reached: dict[str, set[str]] = {"fraud": set(), "churn": set()}
    wanted: set[tuple[str, str, int]] = set()

    def reckon(until: float) -> None:
        for model, since in free.items():
            for step in STEPS:
                if since + step["after"] <= until:
                    reached[model].add(step["receiver"])
        wanted.update((model, name, episodes[model]) for model in firing for name in reached[model])

    for what, model, seconds in actions:
        if what == "fire" and model not in firing:
            episodes[model] = episodes.get(model, 0) + 1
            await one.fire(model, episode=episodes[model])
            firing[model] = free[model] = one.now
        elif what == "resolve" and model in firing:
            await one.resolve(model, episode=episodes[model])
            firing.pop(model)
            free.pop(model, None)
            reached[model] = set()
        elif what == "ack" and model in firing:
            await acknowledge(one, mark(model))
            free.pop(model, None)
        elif what == "snooze" and model in firing:
            await acknowledge(one, mark(model), seconds=seconds)
            free[model] = one.now + seconds
        elif what == "give back" and model in firing and model not in free:
            await give_back(one, mark(model))
            free[model] = one.now
        elif what == "restart":
            generation += 1
            one = await ladder(store=store, topic=topic, channels=channels, clock=clock, route=route).start(generation)
        await one.until(one.now + seconds)
        reckon(one.now)
    for model in list(firing):
        await one.resolve(model, episode=episodes[model])
    await one.until(one.now + 100)

    heard = {
        (alert.labels["model"], name.partition("/")[0], alert.episode)
        for name in LADDER[1:]
        for arrival in channels[name].arrivals
        for alert in arrival.delivery.notification.alerts
        if alert.status == "firing"
    }
    assert heard == wanted
    assert all(channel.open == {} and channel.opened == channel.closed for channel in channels.values())


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([{"after": 10, "receiver": "nobody"}], "receiver 'nobody' is not defined"),
        ([{"after": 0, "receiver": "oncall"}], "after cannot be zero"),
        ([{"after": 10, "receiver": "oncall"}] * 2, "after must be longer than that of the step before"),
    ],
)
def test_steps_that_cannot_work_are_refused_with_their_place(steps: list[dict[str, Any]], problem: str) -> None:
    settings_ = {"route": {"receiver": "oncall", "escalate": steps}, "receivers": [{"name": "oncall"}]}
    [found] = check(msgspec.convert(settings_, RouterConfig))
    assert problem in str(found)
    assert found.path[:2] == ("route", "escalate")
