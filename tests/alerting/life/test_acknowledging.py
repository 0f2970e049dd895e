"""Acknowledge, snooze, give back: told once on every channel, nobody called for it, and called again for what is new."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.inbound.pagerduty_events import asked
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.records import Notification
from driftbell.alerting.state.silence import Acknowledge, Answer, Command, Unacknowledge
from driftbell.runtime.config.router import RouterConfig
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert
from tests.alerting.inbound.people import pagerduty_event
from tests.alerting.rig import Rig

ROUTE = {"group_by": ["model"], "group_wait": 1, "group_interval": 10, "repeat_interval": 60}
BOTH = ("oncall/pagerduty[0]", "oncall/slack[0]")
ids = (f"command-{number}" for number in count())


def rig(route: dict[str, Any] | None = None, **options: Any) -> Rig:
    return Rig({**ROUTE, **(route or {})}, muters=muters_of(RouterConfig()), **{"destinations": BOTH, **options})


def mark(model: str = "fraud", **labels: str) -> str:
    return make_alert(labels={"model": model, **labels}).fingerprint


async def acknowledge(one: Rig, target: str, *, seconds: float = 0, by: str = "ann") -> Answer:
    until_ms = one.clock() + round(seconds * 1000) if seconds else 0
    return await one.router.command(
        Command(id=next(ids), action=Acknowledge(target=target, by=by, until_ms=until_ms, comment="on it"))
    )


async def give_back(one: Rig, target: str) -> Answer:
    return await one.router.command(Command(id=next(ids), action=Unacknowledge(target=target, by="ann")))


async def test_it_is_shown_once_on_every_channel_and_nobody_is_called_again_until_it_is_over() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    answer = await acknowledge(one, mark())
    await one.until(300)
    await one.resolve()
    await one.until(320)

    assert (answer.reason, answer.alerts) == ("acknowledged", (mark(),))
    for destination in BOTH:
        vendor = one.channels[destination]
        assert vendor.story == [(1, "trigger"), (5, "update"), (305, "resolve")]
        told = vendor.arrivals[1].delivery
        state = compose(told.notification, told.incident, told.kind).state
        assert state.endswith("; acknowledged by ann (on it)")
        assert (vendor.calls, vendor.acknowledged, vendor.open) == ([1], set(vendor.acknowledged), {})
        assert len(vendor.acknowledged) == 1
        assert [reason for at, reason in one.reasons(destination) if reason.sends] == [
            DecisionReason.FIRST_NOTIFICATION,
            DecisionReason.ACKNOWLEDGED,
            DecisionReason.ALL_RESOLVED,
        ]


async def test_by_the_incident_or_a_vendors_key_the_alerts_are_meant_that_were_told() -> None:
    one = await rig().start()
    await one.fire(family="a")
    await one.until(5)
    await one.fire(family="b")
    [key] = one.vendor.open
    incident = one.vendor.arrivals[0].delivery.incident.id

    assert (await acknowledge(one, incident)).alerts == (mark(family="a"),)
    await one.until(20)
    assert one.vendor.arrivals[-1].delivery.calls
    assert (await acknowledge(one, f"{key}-2")).alerts == tuple(sorted([mark(family="a"), mark(family="b")]))
    await one.until(30)
    # Both calls are acknowledged over there, and closed together.
    assert one.vendor.acknowledged == {key, f"{key}-2"}
    await one.resolve(family="a")
    await one.resolve(family="b")
    await one.until(60)
    assert one.vendor.open == {}


async def test_another_route_that_shows_the_same_alert_is_quiet_too() -> None:
    routes = [
        {"matchers": ['model="fraud"'], "receiver": "oncall", "continue": True},
        {"matchers": ['model="fraud"'], "receiver": "team"},
    ]
    one = await rig({"routes": routes}, destinations=("oncall/pagerduty[0]", "team/slack[0]")).start()
    await one.fire()
    await one.until(5)
    await acknowledge(one, one.vendor.arrivals[0].delivery.incident.id)
    await one.until(200)

    team = one.channels["team/slack[0]"]
    assert [len(channel.acknowledged) for channel in (one.vendor, team)] == [1, 1]
    assert (one.vendor.calls, team.calls) == ([1], [1])


async def test_a_snooze_ends_with_another_call_if_it_still_fires() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    assert (await acknowledge(one, mark(), seconds=100)).reason == "snoozed"
    await one.until(300)

    assert one.vendor.calls == [1, 105]
    assert len(one.vendor.open) == 2
    assert (105, DecisionReason.ACKNOWLEDGEMENT_OVER) in one.reasons()
    await one.resolve()
    await one.until(320)
    assert one.vendor.open == {}


async def test_what_is_given_back_calls_people_at_once() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    await acknowledge(one, mark())
    await one.until(7)
    assert (await give_back(one, mark())).reason == "given_back"
    await one.until(8)

    assert one.vendor.calls == [1, 7]
    assert (await give_back(one, mark())).reason == "not_acknowledged"


async def by_webhook(one: Rig, kind: str, key: str, at_ms: int) -> str:
    found = asked(json.dumps(pagerduty_event(kind, key, at=at_ms / 1000)).encode(), one.clock())
    assert found is not None
    return (await one.router.command(Command(id=found.command_id, action=found.action))).reason


async def test_the_late_word_of_an_acknowledgement_takes_on_no_incident_that_nobody_has_seen() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    [key] = one.vendor.open
    acknowledged_ms = one.clock()
    await one.until(10)
    await one.resolve()
    await one.until(30)
    await one.fire(episode=2)
    await one.until(40)
    assert list(one.vendor.open) == [key]

    for kind in ("incident.acknowledged", "incident.resolved", "incident.unacknowledged"):
        assert await by_webhook(one, kind, key, acknowledged_ms) == "outdated"
    entry = one.router.state.entries[mark()]
    assert entry.acknowledgement is None
    assert await by_webhook(one, "incident.acknowledged", key, one.clock() - 1_000) == "acknowledged"


@pytest.mark.parametrize("first", [0, 1], ids=["in order", "out of order"])
async def test_of_an_acknowledgement_and_its_end_the_later_one_holds_in_whatever_order_they_come(first: int) -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    [key] = one.vendor.open
    events = [("incident.acknowledged", one.clock()), ("incident.unacknowledged", one.clock() + 5_000)]
    await one.until(20)
    reasons = [await by_webhook(one, kind, key, at_ms) for kind, at_ms in (events[first], events[1 - first])]

    assert reasons == [["acknowledged", "given_back"], ["not_acknowledged", "outdated"]][first]
    assert one.router.state.entries[mark()].acknowledgement is None
    # What a person asks of the router itself is of now.
    assert (await acknowledge(one, mark())).reason == "acknowledged"
    assert await by_webhook(one, "incident.unacknowledged", key, one.clock() - 1) == "outdated"
    assert one.router.state.entries[mark()].acknowledgement is not None


async def test_a_new_alert_and_a_new_episode_call_again() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    await acknowledge(one, mark())
    await one.until(6)
    await one.fire(severity="warning")
    await one.until(40)
    assert one.vendor.calls == [1, 15]
    await one.resolve(severity="warning")
    await one.until(60)
    await one.resolve()
    await one.fire(episode=2)
    await one.until(80)

    assert len(one.vendor.calls) == 3


async def test_a_page_that_was_not_delivered_is_not_sent_once_somebody_has_it() -> None:
    one = await rig().start()
    pagerduty, slack = (one.channels[name] for name in BOTH)
    pagerduty.down = failed(OutcomeReason.CONNECTION_FAILED, "refused")
    await one.fire()
    await one.until(20)
    await acknowledge(one, mark())
    await one.until(25)
    pagerduty.down = None
    await one.until(500)

    assert (pagerduty.calls, pagerduty.open) == ([], {})
    # No failover message either: nobody has to be reached by way of PagerDuty any more.
    assert len(slack.open) == 1
    await one.fire(severity="warning")
    await one.until(520)
    assert len(pagerduty.calls) == 1
    await one.resolve(severity="warning")
    await one.resolve()
    await one.until(600)
    assert (pagerduty.open, slack.open) == ({}, {})


async def test_what_cannot_be_is_refused_and_says_why() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)

    assert (await acknowledge(one, "nothing")).reason == "not_firing"
    assert (await acknowledge(one, mark(), seconds=-1)).reason == "invalid_time"
    assert (await acknowledge(one, mark(), seconds=31 * 86_400)).reason == "invalid_time"
    await one.resolve()
    assert (await acknowledge(one, mark())).reason == "not_firing"
    assert (await acknowledge(one, mark(), by="x" * 5_000)).error


async def test_the_same_command_again_changes_nothing() -> None:
    one = await rig().start()
    await one.fire()
    await one.until(5)
    command = Command(id="once", action=Acknowledge(target=mark(), by="ann"))
    first = await one.router.command(command)
    await give_back(one, mark())
    again = await one.router.command(command)

    assert first == again
    assert one.router.state.entries[mark()].acknowledgement is None


@dataclass
class People:
    """What must hold, told without the router: which alerts fire, who has them, and since when somebody must be called."""

    firing: dict[tuple[str, str], float] = field(default_factory=dict)
    #: Until when; infinite without an end.
    taken: dict[tuple[str, str], float] = field(default_factory=dict)
    episodes: dict[tuple[str, str], int] = field(default_factory=dict)
    #: By model: since when something fires that nobody has; absent while there is none.
    unheard: dict[str, float] = field(default_factory=dict)
    news: int = 0

    def open(self, model: str, at: float) -> bool:
        return any(one[0] == model and self.taken.get(one, 0.0) <= at for one in self.firing)

    def note(self, at: float) -> None:
        for model in ("fraud", "churn"):
            ends = sorted({end for one, end in self.taken.items() if one[0] == model and end <= at})
            for moment in (*ends, at):
                if not self.open(model, moment):
                    self.unheard.pop(model, None)
                elif model not in self.unheard:
                    self.unheard[model] = moment
            self.taken = {one: end for one, end in self.taken.items() if one[0] != model or end > at}
            self.news += len(ends)


ALERTS = st.tuples(st.sampled_from(["fraud", "churn"]), st.sampled_from(["critical", "warning"]))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "fire", "resolve", "ack", "ack", "snooze", "give back", "restart", "down"]),
        ALERTS,
        st.integers(min_value=13, max_value=80),
    ),
    max_size=14,
)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_after_any_script_all_is_closed_once_and_people_are_called_for_what_is_new_only(
    steps: list[tuple[str, tuple[str, str], int]],
) -> None:
    """The waits are longer than group_interval, so that each step is seen before the next."""
    store, topic = MemoryStore(), list[Alert]()
    one = await rig(store=store, topic=topic).start()
    channels, clock, people = one.channels, one.clock, People()
    generation = 1
    down = False
    for what, who, seconds in steps:
        model, severity = who
        fingerprint = mark(model, severity=severity)
        if what == "fire" and who not in people.firing:
            people.episodes[who] = people.episodes.get(who, 0) + 1
            await one.fire(model, episode=people.episodes[who], severity=severity)
            people.firing[who] = one.now
            people.taken.pop(who, None)
            people.news += 1
        elif what == "resolve" and who in people.firing:
            await one.resolve(model, episode=people.episodes[who], severity=severity)
            people.firing.pop(who)
            people.taken.pop(who, None)
        elif what in ("ack", "snooze"):
            answer = await acknowledge(one, fingerprint, seconds=0 if what == "ack" else seconds * 2)
            assert bool(answer.error) == (who not in people.firing)
            if not answer.error:
                people.taken[who] = float("inf") if what == "ack" else one.now + seconds * 2
        elif what == "give back" and who in people.taken:
            assert (await give_back(one, fingerprint)).reason == "given_back"
            people.taken.pop(who)
            people.news += 1
        elif what == "restart":
            generation += 1
            one = await rig(store=store, topic=topic, channels=channels, clock=clock).start(generation)
        elif what == "down":
            down = not down
            channels[BOTH[0]].down = failed(OutcomeReason.CONNECTION_FAILED, "refused") if down else None
        people.note(one.now)
        # Seconds are not enough for a retry after an outage: only the channel that is well is asked below.
        await one.until(one.now + seconds)
        people.note(one.now)
    well = channels[BOTH[1]]
    for model, since in people.unheard.items():
        calls = [arrival.at for arrival in well.arrivals if arrival.delivery.calls and _about(arrival.delivery, model)]
        assert any(at >= since for at in calls), f"nobody was called for {model} since {since}"
    # The other shows also what stands in for this one.
    assert len(channels[BOTH[0]].calls) <= people.news
    channels[BOTH[0]].down = None
    for model, severity in list(people.firing):
        await one.resolve(model, episode=people.episodes[model, severity], severity=severity)
    await one.until(one.now + 4_000)

    for vendor in channels.values():
        assert vendor.open == {}
        assert vendor.opened == vendor.closed
        assert all(_has_news(arrival.delivery.notification) for arrival in vendor.arrivals if arrival.delivery.calls)
    assert not [queue for queue in one.router.state.queues.values() if not queue.is_empty]


def _about(delivery: Delivery, model: str) -> bool:
    return any(alert.labels.get("model") == model for alert in delivery.notification.alerts)


def _has_news(notification: Notification) -> bool:
    return notification.firing > notification.acknowledged
