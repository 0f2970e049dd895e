"""Timelines: at t push, at t want. Alertmanager's acceptance tests, restated, and the promises it does not make."""

from __future__ import annotations

import itertools

import pytest

from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.incidents.observation import Observation
from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.outbox.outcome import OutcomeReason, failed, sent
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Rig, VendorChannel

DEFAULTS = {"group_by": ["alertname"], "group_wait": 1, "group_interval": 2, "repeat_interval": 10}


async def rig(**options: object) -> Rig:
    return await Rig(DEFAULTS, **options).start()  # type: ignore[arg-type]


async def test_alerts_of_one_group_are_one_page_after_group_wait() -> None:
    one = await rig()
    await one.fire("fraud")
    await one.until(0.5)
    await one.fire("churn")
    await one.until(1.5)

    [page] = one.vendor.arrivals
    assert (page.at, page.kind, page.firing) == (1.0, "trigger", ["churn", "fraud"])


async def test_an_alert_that_ends_within_group_wait_pages_nobody() -> None:
    one = await rig()
    await one.fire()
    await one.until(0.9)
    await one.resolve()
    await one.until(30)

    assert one.vendor.arrivals == []
    assert one.router.state.groups == {}


async def test_a_later_alert_waits_for_group_interval_and_updates_the_incident() -> None:
    one = await rig()
    await one.fire("fraud")
    await one.until(1.5)
    await one.fire("churn")
    await one.until(4.9)

    assert one.vendor.story == [(1.0, "trigger"), (3.0, "update")]
    assert one.reasons() == [(1.0, DecisionReason.FIRST_NOTIFICATION), (3.0, DecisionReason.NEW_ALERTS)]
    assert len(one.vendor.open) == 1


async def test_nothing_new_is_repeated_only_after_repeat_interval() -> None:
    one = await rig()
    await one.fire()
    await one.until(30)

    # Flushes at 1, 3, 5, ...; a repeat needs more than 10 s since the last one, so the flushes at 13 and 25.
    assert one.vendor.story == [(1.0, "trigger"), (13.0, "update"), (25.0, "update")]
    assert one.reasons()[6] == (13.0, DecisionReason.REPEAT)


@pytest.mark.parametrize(("repeat", "expected"), [(1, 2), (2, 3), (2.5, 3)])
async def test_the_effective_repeat_is_one_interval_more_than_its_quotient(repeat: float, expected: int) -> None:
    """Measured on Alertmanager 0.25 with group_interval 1 s: repeats of 1, 2 and 2.5 s came every 2, 3 and 3 s."""
    one = await Rig({"group_wait": 0, "group_interval": 1, "repeat_interval": repeat}).start()
    await one.fire()
    await one.until(expected * 2 + 0.5)

    assert [at for at, _ in one.vendor.story] == [0, expected, expected * 2]


async def test_a_group_is_closed_when_its_last_alert_is_over() -> None:
    one = await rig()
    await one.fire("fraud")
    await one.fire("churn")
    await one.until(1.5)
    await one.resolve("churn")
    await one.until(3.5)
    await one.resolve("fraud")
    await one.until(20)

    assert one.vendor.story == [(1.0, "trigger"), (3.0, "update"), (5.0, "resolve")]
    assert (one.vendor.arrivals[1].firing, one.vendor.arrivals[1].resolved) == (["fraud"], ["churn"])
    # What the second page said to be over is not said again.
    assert (one.vendor.arrivals[2].firing, one.vendor.arrivals[2].resolved) == ([], ["fraud"])
    assert one.vendor.open == {}
    assert one.router.state.groups == {} and one.router.state.queues == {}


async def test_a_new_episode_after_the_close_opens_a_new_incident() -> None:
    one = await rig()
    await one.fire()
    await one.until(1.5)
    await one.resolve()
    await one.until(5)
    await one.fire(episode=2)
    await one.until(7)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve", "trigger"]
    assert one.vendor.opened == 2
    first, _, second = one.vendor.arrivals
    assert first.delivery.incident.id != second.delivery.incident.id
    assert first.delivery.key == second.delivery.key


async def test_an_alert_that_flaps_between_two_flushes_says_nothing() -> None:
    one = await rig()
    await one.fire()
    await one.until(1.5)
    await one.resolve()
    await one.fire(episode=2)
    await one.until(8)

    assert one.vendor.story == [(1.0, "trigger")]


async def test_an_alert_older_than_group_wait_is_paged_at_once() -> None:
    one = await Rig({"group_wait": 30}).start()
    await one.push(make_alert(at_ms=one.clock() - 31_000))
    await one.until(0)

    assert one.vendor.story == [(0.0, "trigger")]


async def test_a_pending_alert_is_not_paged() -> None:
    one = await rig()
    results = await one.push(make_alert("pending", at_ms=one.clock()))
    await one.until(60)

    assert results == [Observation.PENDING]
    assert one.vendor.arrivals == []


async def test_repeated_and_late_records_change_nothing() -> None:
    one = await rig()
    firing, resolved = make_alert(at_ms=one.clock()), make_alert("resolved", at_ms=one.clock() + 1)
    pending = make_alert("pending", at_ms=one.clock() - 1)
    assert await one.push(firing, firing, pending, firing) == [
        Observation.FIRING,
        Observation.DUPLICATE,
        Observation.OUT_OF_ORDER,
        Observation.DUPLICATE,
    ]
    await one.until(1.5)
    assert await one.push(resolved, firing, resolved) == [
        Observation.RESOLVED,
        Observation.OUT_OF_ORDER,
        Observation.DUPLICATE,
    ]
    await one.until(10)

    assert one.vendor.story == [(1.0, "trigger"), (3.0, "resolve")]


async def test_a_refreshed_alert_shows_its_new_text_at_the_next_page() -> None:
    one = await rig()
    await one.fire()
    changed = make_alert(at_ms=one.clock() + 400, started_ms=one.clock(), annotations={"summary": "it is worse now"})
    assert await one.push(changed) == [Observation.REFRESHED]
    await one.until(1.5)

    [page] = one.vendor.arrivals
    assert page.delivery.notification.alerts[0].annotations["summary"] == "it is worse now"


async def test_a_pending_record_of_the_next_episode_closes_what_fires() -> None:
    one = await rig()
    await one.fire()
    await one.until(1.5)
    assert await one.push(make_alert("pending", at_ms=one.clock(), episode=2)) == [Observation.SUPERSEDED]
    await one.until(5)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]


async def test_a_destination_without_send_resolved_hears_of_firing_alerts_only() -> None:
    one = await rig(destinations=["oncall/pagerduty[0]", "oncall/slack[0]"], quiet=["oncall/slack[0]"])
    slack = one.channels["oncall/slack[0]"]
    await one.fire("fraud")
    await one.until(1.5)
    await one.resolve("fraud")
    await one.until(10)
    await one.fire("fraud", episode=2)
    await one.until(12)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve", "trigger"]
    assert [kind for _, kind in slack.story] == ["trigger", "trigger"]


async def test_continue_pages_two_receivers() -> None:
    route = {**DEFAULTS, "routes": [
        {"receiver": "team", "matchers": ['model="fraud"'], "continue": True},
        {"receiver": "oncall", "matchers": ['severity="critical"']},
    ]}  # fmt: skip
    one = await Rig(route, destinations=["oncall/pagerduty[0]", "team/slack[0]"]).start()
    await one.fire("fraud")
    await one.until(2)

    assert [kind for _, kind in one.vendor.story] == ["trigger"]
    assert [kind for _, kind in one.channels["team/slack[0]"].story] == ["trigger"]


async def test_a_sick_channel_delays_no_other() -> None:
    one = await rig(destinations=["oncall/pagerduty[0]", "oncall/slack[0]"])
    one.vendor.down = failed(OutcomeReason.SERVER_ERROR, "HTTP 500")
    await one.fire()
    await one.until(60)
    await one.resolve()
    await one.until(65)

    slack = one.channels["oncall/slack[0]"]
    assert slack.story[0] == (1.0, "trigger")
    assert [kind for _, kind in slack.story][-1] == "resolve"
    assert one.vendor.opened == 0


async def test_a_page_that_could_not_be_sent_before_its_end_is_not_sent_at_all() -> None:
    one = await rig()
    one.vendor.down = failed(OutcomeReason.CONNECTION_FAILED, "refused")
    await one.fire()
    await one.until(30)
    await one.resolve()
    await one.until(40)
    one.vendor.down = None
    await one.until(4000)

    assert one.vendor.story == []
    assert one.router.state.queues == {}


async def test_a_page_that_may_have_arrived_is_closed() -> None:
    one = await rig()
    one.vendor.down = failed(OutcomeReason.NO_ANSWER, "timeout")
    one.vendor.taken_when_unknown = True
    await one.fire()
    await one.until(2)
    await one.resolve()
    await one.until(40)
    one.vendor.down = None
    await one.until(4000)

    assert one.vendor.open == {} and one.vendor.closed >= 1
    assert one.router.state.queues == {}


async def test_retry_after_is_honoured() -> None:
    one = await rig()
    one.vendor.script = [failed(OutcomeReason.RATE_LIMITED, "slow down", retry_after_seconds=120)]
    await one.fire()
    await one.until(300)

    refused, taken = one.vendor.arrivals[:2]
    assert refused.at == 1.0
    assert 121 <= taken.at <= 122.1


@pytest.mark.slow
async def test_a_critical_page_is_tried_for_more_than_a_day() -> None:
    one = await Rig({"group_wait": 0, "repeat_interval": 30 * 86_400}).start()
    one.vendor.down = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
    await one.fire()
    await one.until(24 * 3600)
    one.vendor.down = None
    await one.until(24 * 3600 + 301)

    assert [kind for _, kind in one.vendor.story] == ["trigger"]


class MuteAll:
    """A muter that holds everything back while it is on."""

    def __init__(self) -> None:
        self.on = True

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        return MuteAnswer(Muting(MuteKind.SILENCED, ("s1",)) if self.on else None)


async def test_a_resolve_passes_whatever_mutes() -> None:
    """Alertmanager loses it: the incident stays open for good (prometheus/alertmanager#226)."""
    muter = MuteAll()
    muter.on = False
    one = await rig(muters=[muter])
    await one.fire()
    await one.until(1.5)
    muter.on = True
    await one.resolve()
    await one.until(5)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]


async def test_a_muted_alert_is_paged_when_the_mute_ends() -> None:
    muter = MuteAll()
    one = await rig(muters=[muter])
    await one.fire()
    await one.until(10)
    assert one.vendor.arrivals == []
    muter.on = False
    await one.until(14)

    assert [kind for _, kind in one.vendor.story] == ["trigger"]


async def test_a_muted_alert_keeps_its_incident_open_without_repeats() -> None:
    """Alertmanager closes the incident and triggers it again after the silence (#5247)."""
    muter = MuteAll()
    muter.on = False
    one = await rig(muters=[muter])
    await one.fire()
    await one.until(1.5)
    muter.on = True
    await one.until(100)

    assert [kind for _, kind in one.vendor.story] == ["trigger"]
    assert len(one.vendor.open) == 1


async def test_an_alert_muted_all_its_life_is_never_mentioned() -> None:
    muter = MuteAll()
    one = await rig(muters=[muter])
    await one.fire()
    await one.until(5)
    await one.resolve()
    await one.until(20)

    assert one.vendor.arrivals == []
    assert one.router.state.groups == {}


async def test_a_restart_keeps_timers_incidents_and_position() -> None:
    tables = MemoryTables()
    one = await rig(store=MemoryStore(tables))
    await one.fire()
    await one.until(1.5)
    two = await Rig(DEFAULTS, store=MemoryStore(tables), topic=one.topic, clock=one.clock, channels=one.channels).start(
        2
    )
    assert two.router.state.offsets == {0: 1}
    await two.until(2.9)
    await two.resolve()
    await two.until(5)

    assert one.vendor.story == [(1.0, "trigger"), (3.0, "resolve")]


async def test_alerts_that_move_to_another_receiver_are_closed_at_the_old_one() -> None:
    tables = MemoryTables()
    both = ["oncall/pagerduty[0]", "team/pagerduty[0]"]
    one = await rig(store=MemoryStore(tables), destinations=both)
    await one.fire()
    await one.until(1.5)
    moved = {**DEFAULTS, "routes": [{"receiver": "team", "matchers": ["model=fraud"]}]}
    two = await Rig(
        moved, store=MemoryStore(tables), topic=one.topic, clock=one.clock, channels=one.channels, destinations=both
    ).start(2)
    await two.until(4)
    await two.resolve()
    await two.until(10)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]
    assert one.vendor.arrivals[1].delivery.notification.reason == DecisionReason.ROUTING_CHANGED
    assert [kind for _, kind in one.channels["team/pagerduty[0]"].story] == ["trigger", "resolve"]
    assert two.router.state.queues == {} and two.router.state.groups == {}


async def test_a_route_that_changes_its_receiver_closes_at_the_old_one_and_opens_at_the_new() -> None:
    tables = MemoryTables()
    both = ["oncall/pagerduty[0]", "team/pagerduty[0]"]
    one = await rig(store=MemoryStore(tables), destinations=both)
    await one.fire()
    await one.until(1.5)
    two = await Rig(
        {**DEFAULTS, "receiver": "team"},
        store=MemoryStore(tables),
        topic=one.topic,
        clock=one.clock,
        channels=one.channels,
        destinations=both,
    ).start(2)
    await two.until(4)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]
    assert [kind for _, kind in one.channels["team/pagerduty[0]"].story] == ["trigger"]


async def test_an_unchanged_configuration_changes_nothing_at_a_restart() -> None:
    tables = MemoryTables()
    one = await rig(store=MemoryStore(tables))
    await one.fire()
    await one.until(1.5)
    before = {key: dict(table) for key, table in tables.tables.items()}
    await Rig(DEFAULTS, store=MemoryStore(tables), topic=one.topic, clock=one.clock).start(2)

    assert {key: dict(table) for key, table in tables.tables.items()} == before


async def test_a_vendor_limit_spreads_a_storm() -> None:
    from driftbell.alerting.channels.channel import Rate

    clock_rig = Rig({"group_by": ["..."], "group_wait": 0})
    channel = VendorChannel(clock_rig.clock, rate=Rate("slack:C1", 1.0, 3), repeatable=False)
    one = await Rig(
        {"group_by": ["..."], "group_wait": 0}, clock=clock_rig.clock, channels={"oncall/pagerduty[0]": channel}
    ).start()
    for number in range(20):
        await one.fire(f"m{number:02}")
    await one.until(60)

    times = [at for at, _ in channel.story]
    assert len(times) == 20
    assert times[:3] == [0, 0, 0]
    assert all(later - earlier >= 0.999 for earlier, later in itertools.pairwise(times[3:]))


async def test_the_most_severe_page_goes_first() -> None:
    one = await Rig({"group_by": ["..."], "group_wait": 1}).start()
    await one.fire("first", severity="info")
    await one.fire("second", severity="warning")
    await one.fire("third", severity="critical")
    await one.until(2)

    assert [arrival.firing[0] for arrival in one.vendor.arrivals] == ["third", "second", "first"]


async def test_an_unknown_outcome_is_repeated_by_severity() -> None:
    counts = {}
    for severity in ("critical", "warning", "info"):
        one = Rig({"group_wait": 0, "repeat_interval": 30 * 86_400})
        channel = VendorChannel(one.clock, repeatable=False, down=failed(OutcomeReason.NO_ANSWER, "timeout"))
        one = await Rig(
            {"group_wait": 0, "repeat_interval": 30 * 86_400},
            clock=one.clock,
            channels={"oncall/pagerduty[0]": channel},
        ).start()
        await one.fire(severity=severity)
        await one.until(3600)
        counts[severity] = len(channel.arrivals)

    assert counts["critical"] > 10
    assert counts["warning"] == 2
    assert counts["info"] == 1


async def test_a_delivery_given_up_is_told_on_another_channel_and_taken_back() -> None:
    one = await rig(destinations=["oncall/pagerduty[0]", "oncall/slack[0]"])
    slack = one.channels["oncall/slack[0]"]
    one.vendor.script = [failed(OutcomeReason.AUTH_ERROR, "invalid key")]
    await one.fire()
    await one.until(2)

    subjects = [arrival.delivery.notification.alerts[0].annotations["summary"] for arrival in slack.arrivals]
    assert any("could not notify oncall/pagerduty[0]" in text and "error rate of fraud" in text for text in subjects)
    assert len(slack.open) == 2
    assert [letter.last_reason for letter in one.router.state.dead_deliveries.values()] == ["auth_error"]

    # The next look at the group tries again; its success ends the complaint.
    await one.until(14)
    assert one.vendor.story[0] == (3.0, "trigger")
    assert len(slack.open) == 1
    # No interval has elapsed: it is the message that was given up, once more.
    assert [reason for _, reason in one.reasons()][:2] == [
        DecisionReason.FIRST_NOTIFICATION,
        DecisionReason.TRIED_AGAIN,
    ]


@pytest.mark.slow
async def test_a_page_that_is_given_up_at_every_look_is_complained_of_once() -> None:
    one = await rig(destinations=["oncall/pagerduty[0]", "oncall/slack[0]"])
    one.vendor.down = failed(OutcomeReason.AUTH_ERROR, "invalid key")
    await one.fire()
    await one.until(3 * 3600)

    complaints = [
        arrival
        for arrival in one.channels["oncall/slack[0]"].arrivals
        if arrival.delivery.notification.reason == "notification_failed"
    ]
    assert len(one.vendor.arrivals) > 1000
    assert len(complaints) == 1
    assert len(one.router.state.dead_deliveries) <= 1000

    # Nothing was opened, so nothing is to be closed.
    await one.resolve()
    await one.until(3 * 3600 + 10)
    assert one.router.state.groups == {}
    # What was said about the destination is closed: its cause is over.
    assert one.channels["oncall/slack[0]"].open == {}
    assert one.router.state.queues == {}


async def test_an_update_given_up_does_not_lose_the_close() -> None:
    one = await rig()
    await one.fire("fraud")
    await one.until(1.5)
    one.vendor.script = [failed(OutcomeReason.CONTENT_REJECTED, "no")]
    await one.fire("churn")
    await one.until(3.5)
    await one.resolve("fraud")
    await one.resolve("churn")
    await one.until(10)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]
    assert one.vendor.open == {}


@pytest.mark.slow
async def test_a_grave_page_that_fails_for_a_minute_is_told_on_another_channel() -> None:
    one = await rig(destinations=["oncall/email[0]", "oncall/pagerduty[0]", "oncall/slack[0]"])
    pagerduty, slack = one.channels["oncall/pagerduty[0]"], one.channels["oncall/slack[0]"]
    pagerduty.down = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
    await one.fire("fraud")
    await one.fire("ads", severity="info", alertname="Minor")
    await one.until(60)
    assert slack.opened + one.vendor.opened == 4

    # The retry after the first minute tells; the fallback is the first other channel of the receiver.
    await one.until(200)
    complaints = [
        arrival.delivery.notification.alerts[0].annotations["summary"]
        for arrival in one.vendor.arrivals
        if arrival.delivery.notification.reason == "notification_failed"
    ]
    assert len(complaints) == 1
    assert "cannot notify oncall/pagerduty[0] since 2026-11-24 14:00:01 UTC (server_error)" in complaints[0]
    assert "error rate of fraud" in complaints[0]

    pagerduty.down = None
    await one.until(600)
    assert pagerduty.opened == 2
    assert [
        arrival.kind for arrival in one.vendor.arrivals if "destination" in arrival.delivery.notification.group_labels
    ] == [
        "trigger",
        "resolve",
    ]


async def test_what_failed_is_sent_at_once_when_the_vendor_works_again() -> None:
    one = await Rig({"group_by": ["..."], "group_wait": 0, "repeat_interval": 86_400}).start()
    one.vendor.down = failed(OutcomeReason.CONNECTION_FAILED, "refused")
    for number in range(5):
        await one.fire(f"m{number}")
    await one.until(3600)
    one.vendor.down = None
    await one.until(4000)

    times = [at for at, _ in one.vendor.story]
    assert len(times) == 5
    assert times[0] == times[-1]


async def test_a_record_with_a_broken_time_is_counted_and_skipped() -> None:
    one = await rig()
    assert await one.push(make_alert(startsAt="yesterday"), make_alert(endsAt="never", status="resolved")) == []
    await one.fire()
    await one.until(2)

    assert one.router.state.offsets == {0: 3}
    assert len(one.vendor.open) == 1
    assert one.router.metrics.registry.get_sample_value("driftbell_router_records_total", {"result": "bad_record"}) == 2


async def test_state_of_a_quiet_router_is_bounded_by_retention() -> None:
    one = await rig()
    await one.fire()
    await one.until(1.5)
    await one.resolve()
    await one.until(10)
    assert len(one.router.state.entries) == 1
    await one.until(5 * 86_400 + 60)
    await one.router.heartbeat()

    assert one.router.state.entries == {}


async def test_sent_is_what_a_vendor_says() -> None:
    assert sent().ok and sent(minimal=True).ok
    assert not failed(OutcomeReason.CLIENT_ERROR, "no").ok


async def test_a_condition_that_held_long_before_it_fired_still_waits_for_group_wait() -> None:
    """With ``for: 5m`` ``startsAt`` is five minutes old when the alert fires; alerts of one cause are one page even so."""
    one = await rig()
    await one.until(300)
    for model in ("fraud", "churn"):
        await one.push(make_alert(at_ms=one.clock(), started_ms=one.clock() - 300_000, labels={"model": model}))
        await one.until(one.now + 0.5)
    await one.until(310)

    assert [(page.at, page.kind, page.firing) for page in one.vendor.arrivals] == [
        (301.0, "trigger", ["churn", "fraud"])
    ]


@pytest.mark.parametrize("kind", ["webhook", "email"])
@pytest.mark.parametrize("reason", [OutcomeReason.RATE_LIMITED, OutcomeReason.SERVER_ERROR])
async def test_a_vendor_that_asks_for_silence_is_left_alone_by_every_message(kind: str, reason: OutcomeReason) -> None:
    place = f"oncall/{kind}[0]"
    one = await Rig({"group_by": ["model"], "group_wait": 0}, destinations=[place]).start()
    one.vendor.script.append(failed(reason, "busy", retry_after_seconds=120))
    await one.fire("fraud")
    await one.until(1)
    await one.fire("churn")
    await one.until(119)
    assert len(one.vendor.arrivals) == 1
    await one.until(130)

    assert sorted(page.firing[0] for page in one.vendor.arrivals[1:]) == ["churn", "fraud"]
