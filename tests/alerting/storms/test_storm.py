"""Very many incidents at once: people get one message that says how many more there are, programs get everything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from driftbell.alerting.channels.channel import Rate
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.life import holding
from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.records import Kind
from driftbell.alerting.storms.digest import AGAIN_MS, ALERTNAME, FIRST_MS
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.rig import Arrival, Rig, VendorChannel, VirtualClock

SLACK, PAGERDUTY, WEBHOOK = "oncall/slack[0]", "oncall/pagerduty[0]", "oncall/webhook[0]"
ROUTE = {"group_by": ["model"], "group_wait": 5, "group_interval": 60, "repeat_interval": 86_400}


def stormy(clock: VirtualClock, **more: Any) -> Rig:
    channels = {
        SLACK: VendorChannel(clock, rate=Rate("slack", 1.0, 1)),
        WEBHOOK: VendorChannel(clock, in_flight=8),
    }
    return Rig(ROUTE, destinations=[SLACK, WEBHOOK], channels=channels, clock=clock, **more)


@dataclass
class Everything:
    """Mutes all but one model, once it is told which."""

    but: str = ""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        held = bool(self.but) and alert.labels["model"] != self.but
        return MuteAnswer(Muting(MuteKind.SILENCED, ("all",)) if held else None)


async def fire(rig: Rig, models: int, first: int = 0, **labels: str) -> None:
    numbers = range(first, first + models)
    await rig.push(*(make_alert(at_ms=rig.clock(), labels={"model": f"m{number}", **labels}) for number in numbers))


async def resolve(rig: Rig, models: int, first: int = 0, **labels: str) -> None:
    numbers = range(first, first + models)
    await rig.push(
        *(make_alert("resolved", at_ms=rig.clock(), labels={"model": f"m{number}", **labels}) for number in numbers)
    )


def models_of(arrival: Arrival) -> list[str]:
    """The models whose alerts fire in it; a digest has none."""
    return [alert.labels.get("model", "") for alert in arrival.delivery.notification.alerts]


def count_held(rig: Rig, destination: str = SLACK) -> int:
    """Incidents that are told there together."""
    return sum(map(len, rig.router.state.held_at(destination)))


def digests(channel: VendorChannel) -> list[str]:
    """What digests said there, in order."""
    return [
        arrival.delivery.notification.alerts[0].annotations["summary"]
        for arrival in channel.arrivals
        if arrival.took and arrival.delivery.notification.common_labels.get("alertname") == ALERTNAME
    ]


async def test_people_are_told_how_many_more_there_are_and_programs_get_everything() -> None:
    rig = await stormy(VirtualClock()).start()
    slack, webhook = rig.channels[SLACK], rig.channels[WEBHOOK]
    await fire(rig, 2_000, severity="warning")
    await rig.until(600)

    assert webhook.opened == 2_000
    told = digests(slack)
    assert len(told) == 1, "nothing has changed since"
    assert told[0].startswith(
        f"and {2_000 - holding.MAX_UNOPENED:,} more incidents, which are not shown here one by one"
    )
    assert "ErrorRateRose" in told[0]
    assert slack.opened == holding.MAX_UNOPENED + 1

    await resolve(rig, 2_000, severity="warning")
    await rig.until(1_800)
    for channel in (slack, webhook):
        assert channel.open == {}
        assert channel.opened == channel.closed
        assert channel.stray == 0
    assert slack.opened == holding.MAX_UNOPENED + 1, "what was held and is over was never opened"


async def test_it_is_as_severe_as_the_gravest_and_says_again_what_has_changed() -> None:
    rig = await stormy(VirtualClock()).start()
    slack = rig.channels[SLACK]
    await fire(rig, 500, severity="warning")
    await rig.until(30)
    await fire(rig, 300, first=500, severity="critical")
    await rig.until(30 + AGAIN_MS / 1000 + 20)

    found = [one for one in slack.arrivals if one.delivery.notification.common_labels.get("alertname") == ALERTNAME]
    assert [one.kind for one in found] == [Kind.TRIGGER, Kind.UPDATE]
    assert [str(one.delivery.notification.severity) for one in found] == ["warning", "critical"]
    assert (
        found[0]
        .delivery.notification.alerts[0]
        .annotations["summary"]
        .startswith(f"and {500 - holding.MAX_UNOPENED} more")
    )
    assert (
        found[1]
        .delivery.notification.alerts[0]
        .annotations["summary"]
        .startswith(f"and {800 - 2 * holding.MAX_UNOPENED} more")
    )
    assert found[1].delivery.calls_again


async def test_a_few_too_many_are_shown_one_by_one_when_the_others_are_out() -> None:
    rig = await stormy(VirtualClock()).start()
    slack = rig.channels[SLACK]
    await fire(rig, holding.MAX_UNOPENED + 10)
    await rig.until(300)

    assert len(slack.open) == holding.MAX_UNOPENED + 10, "all are open, and the digest is not"
    assert len(digests(slack)) == 2, "opened and closed"
    assert not rig.router.state.holding


async def test_the_first_message_waits_for_what_else_comes() -> None:
    rig = await stormy(VirtualClock()).start()
    for second in range(5):
        await rig.until(second)
        await fire(rig, 100, first=100 * second)
    await rig.until(5 + FIRST_MS / 1000 - 1)
    assert digests(rig.channels[SLACK]) == []

    await rig.until(90)
    held = count_held(rig)
    assert 380 < held <= 500 - holding.MAX_UNOPENED, "Slack has taken some while the others came"
    assert digests(rig.channels[SLACK])[0].startswith(f"and {held} more incidents")


async def test_a_storm_survives_a_restart() -> None:
    clock, store = VirtualClock(), MemoryStore()
    rig = await stormy(clock, store=store).start()
    await fire(rig, 300)
    await rig.until(60)
    successor = Rig(
        ROUTE, destinations=[SLACK, WEBHOOK], channels=rig.channels, clock=clock, store=store, topic=rig.topic
    )
    await successor.start(2)
    await successor.until(200)
    assert len(digests(rig.channels[SLACK])) == 1
    assert count_held(successor) == 300 - holding.MAX_UNOPENED

    await resolve(successor, 300)
    await successor.until(900)
    assert rig.channels[SLACK].open == {}
    assert rig.channels[SLACK].opened == rig.channels[SLACK].closed == holding.MAX_UNOPENED + 1


async def test_the_digest_of_a_channel_that_takes_nothing_is_told_on_another() -> None:
    clock = VirtualClock()
    channels = {
        SLACK: VendorChannel(clock, rate=Rate("slack", 1.0, 1), down=failed(OutcomeReason.SERVER_ERROR, "503")),
        PAGERDUTY: VendorChannel(clock, in_flight=4),
    }
    route = {**ROUTE, "routes": [{"matchers": ["team=a"], "receiver": "a"}]}
    slack = "a/slack[0]"
    channels[slack] = channels.pop(SLACK)
    rig = await Rig(route, destinations=[PAGERDUTY, slack], channels=channels, clock=clock).start()
    await fire(rig, 300, team="a")
    await rig.until(400)
    assert any(
        text.startswith(f"and {300 - holding.MAX_UNOPENED} more incidents") for text in digests(channels[PAGERDUTY])
    )

    channels[slack].down = None
    await resolve(rig, 300, team="a")
    await rig.until(4_000)
    for channel in channels.values():
        assert channel.open == {}
        assert channel.opened == channel.closed


async def test_a_critical_one_is_shown_though_thousands_of_warnings_are_held() -> None:
    rig = await stormy(VirtualClock()).start()
    slack = rig.channels[SLACK]
    await fire(rig, 4_000, severity="warning")
    await rig.until(600)
    assert slack.calls != []
    await fire(rig, 1, first=9_000, severity="critical")
    await rig.until(630)

    shown = [one for one in slack.arrivals if one.took and models_of(one) == ["m9000"]]
    assert [one.kind for one in shown] == [Kind.TRIGGER]


async def test_what_comes_while_critical_ones_are_held_calls_people_again_within_a_quarter_of_an_hour() -> None:
    rig = await stormy(VirtualClock()).start()
    await fire(rig, 300)
    await rig.until(2_000)
    calls = len(rig.channels[SLACK].calls)
    await rig.until(4_000)
    assert len(rig.channels[SLACK].calls) == calls, "nothing new has come"

    await fire(rig, 1, first=9_000)
    await rig.until(4_100)
    assert len(rig.channels[SLACK].calls) == calls + 1
    await fire(rig, 1, first=9_001)
    await rig.until(4_100 + 600)
    assert len(rig.channels[SLACK].calls) == calls + 1, "they were called a few minutes ago"
    await rig.until(4_100 + 1_100)
    assert len(rig.channels[SLACK].calls) == calls + 2


async def test_what_is_silenced_is_not_held_and_keeps_no_storm() -> None:
    muter = Everything()
    rig = await stormy(VirtualClock(), muters=[muter]).start()
    await fire(rig, 300)
    await rig.until(60)
    assert count_held(rig) == 300 - holding.MAX_UNOPENED
    muter.but = "m9000"
    await rig.until(400)
    assert count_held(rig) == 0

    await fire(rig, 1, first=9_000)
    await rig.until(430)
    [shown] = [one for one in rig.channels[SLACK].arrivals if one.took and models_of(one) == ["m9000"]]
    assert shown.delivery.calls


async def test_held_incidents_escalate() -> None:
    clock = VirtualClock()
    route = {**ROUTE, "escalate": [{"after": 600, "receiver": "lead"}]}
    channels = {SLACK: VendorChannel(clock, rate=Rate("slack", 1.0, 1)), "lead/pagerduty[0]": VendorChannel(clock)}
    rig = await Rig(route, destinations=list(channels), channels=channels, clock=clock).start()
    await fire(rig, 300, severity="warning")
    await rig.until(2_000)

    lead = channels["lead/pagerduty[0]"]
    assert len(digests(lead)) >= 1
    assert lead.opened > holding.MAX_UNOPENED


def test_a_decision_names_the_storm() -> None:
    async def decided() -> set[DecisionReason]:
        rig = await stormy(VirtualClock()).start()
        await fire(rig, 200)
        await rig.until(10)
        return {reason for _, reason in rig.reasons(SLACK)}

    assert asyncio.run(decided()) == {DecisionReason.FIRST_NOTIFICATION, DecisionReason.STORM}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.integers(0, 30), st.integers(1, 12)),
        st.tuples(st.just("resolve"), st.integers(0, 30), st.integers(1, 12)),
        st.tuples(st.just("down"), st.sampled_from([0, 1]), st.just(0)),
        st.tuples(st.just("up"), st.sampled_from([0, 1]), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 200), st.just(0)),
    ),
    max_size=25,
)


@example([("down", 0, 0), ("down", 1, 0), ("fire", 0, 4), ("wait", 1, 0), ("wait", 74, 0)])
@given(steps)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_comes_what_is_opened_is_closed(script: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("MAX_UNOPENED", "MAX_RELEASED", "CALM_UNOPENED"):
            patched.setattr(holding, name, 3)
            patched.setattr(f"driftbell.alerting.storms.digest.{name}", 3, raising=False)
        asyncio.run(_play(script))


async def _play(script: list[tuple[str, int, int]]) -> None:
    clock, store = VirtualClock(), MemoryStore()
    channels = {
        SLACK: VendorChannel(clock, rate=Rate("slack", 1.0, 1)),
        PAGERDUTY: VendorChannel(clock, in_flight=4),
    }
    rig = await Rig(ROUTE, destinations=[SLACK, PAGERDUTY], channels=channels, clock=clock, store=store).start()
    episodes: dict[str, int] = {}
    firing: set[str] = set()
    generation = 1
    for what, first, count in script:
        names = [f"m{number}" for number in range(first, first + count)]
        if what == "fire":
            for name in names:
                if name not in firing:
                    firing.add(name)
                    episodes[name] = episodes.get(name, 0) + 1
                    await rig.fire(name, episode=episodes[name])
        elif what == "resolve":
            for name in firing & set(names):
                await rig.resolve(name, episode=episodes[name])
            firing -= set(names)
        elif what in ("down", "up"):
            channel = channels[(SLACK, PAGERDUTY)[first]]
            channel.down = failed(OutcomeReason.SERVER_ERROR, "503") if what == "down" else None
        elif what == "restart":
            generation += 1
            rig = Rig(
                ROUTE,
                destinations=[SLACK, PAGERDUTY],
                channels=channels,
                clock=clock,
                store=store,
                topic=rig.topic,
            )
            await rig.start(generation)
        else:
            await rig.until((clock() - START_MS) / 1000 + first)
    for channel in channels.values():
        channel.down = None
    for name in firing:
        await rig.resolve(name, episode=episodes[name])
    await rig.until((clock() - START_MS) / 1000 + 8_000)

    for channel in channels.values():
        assert channel.open == {}
        assert channel.opened == channel.closed
    assert not rig.router.state.holding
    assert not rig.router.state.groups
    assert not rig.router.state.queues
