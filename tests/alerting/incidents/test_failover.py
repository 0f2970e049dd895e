"""A page that its destination does not take is opened on another, whether it was tried or not; nothing of it is left open."""

from __future__ import annotations

import pytest

from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import Severity
from tests.alerting.rig import Arrival, Rig

ROUTE = {"group_by": ["model"], "group_wait": 0, "group_interval": 300, "repeat_interval": 86400}
#: The receiver of the pages, and another one whose channel is well.
PLACES = ["oncall/pagerduty[0]", "office/slack[0]"]
DOWN = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
REFUSED = failed(OutcomeReason.AUTH_ERROR, "wrong key")


def slack(one: Rig) -> list[Arrival]:
    return one.channels["office/slack[0]"].arrivals


def told(one: Rig) -> set[str]:
    """The models whose pages stand on the fallback."""
    return {page.delivery.notification.alerts[0].labels.get("model", "") for page in slack(one)} - {""}


def alarms(one: Rig) -> list[Arrival]:
    return [page for page in slack(one) if page.delivery.notification.group_labels.get("destination")]


def hang(one: Rig) -> None:
    """PagerDuty takes requests and never answers: none ends while the test looks."""
    one.workers = [worker for worker in one.workers if worker.destination != "oncall/pagerduty[0]"]


async def test_pages_behind_a_hanging_destination_are_told_elsewhere_within_a_minute_though_never_tried() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    hang(one)
    models = {f"m{number:02}" for number in range(60)}
    for model in models:
        await one.fire(model)
    await one.until(61)

    assert told(one) == models
    assert {page.at for page in slack(one)} == {60.0}


async def test_a_critical_page_whose_vendor_asks_for_an_hours_silence_is_told_elsewhere_after_a_minute() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = failed(OutcomeReason.RATE_LIMITED, "429", retry_after_seconds=3600)
    await one.fire()
    await one.until(61)

    assert told(one) == {"fraud"}


@pytest.mark.parametrize("severity", ["warning", "info"])
async def test_what_need_not_wake_anyone_waits_for_its_own_destination(severity: str) -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = DOWN
    await one.fire(severity=severity)
    await one.until(600)

    assert slack(one) == []


@pytest.mark.parametrize("answer", [DOWN, REFUSED])
async def test_the_page_itself_is_opened_elsewhere_and_closed_with_its_incident(answer: object) -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = answer  # type: ignore[assignment]
    await one.fire()
    await one.until(100)

    [page] = [page for page in slack(one) if page.delivery.notification.via]
    assert page.delivery.notification.receiver == "office"
    assert page.delivery.notification.via == "oncall/pagerduty[0]"
    assert (page.kind, page.firing) == ("trigger", ["fraud"])

    await one.resolve()
    await one.until(1000)
    assert one.channels["office/slack[0]"].open == {}
    assert one.channels["office/slack[0]"].stray == 0
    assert one.router.state.queues == {}


async def test_a_page_that_both_have_taken_is_closed_on_both() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = DOWN
    await one.fire()
    await one.until(100)
    one.vendor.down = None
    await one.until(700)
    assert len(one.vendor.open) == 1
    await one.resolve()
    await one.until(2000)

    assert [channel.open for channel in one.channels.values()] == [{}, {}]
    assert [channel.stray for channel in one.channels.values()] == [0, 0]
    assert one.router.state.queues == {}


async def test_what_joins_an_incident_that_only_the_fallback_shows_is_told_there() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = DOWN
    await one.fire()
    await one.until(100)
    await one.fire(detector="other")
    await one.until(700)

    [*_, last] = [page for page in slack(one) if page.delivery.notification.via]
    assert (last.kind, last.firing) == ("update", ["fraud", "fraud"])


async def test_a_rise_of_severity_that_is_not_taken_is_told_elsewhere() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    await one.fire(severity="warning")
    await one.until(10)
    one.vendor.down = DOWN
    await one.fire(severity="critical")
    await one.until(71)

    assert told(one) == {"fraud"}


async def test_a_fallback_that_shows_the_group_already_is_not_told_twice() -> None:
    one = await Rig(ROUTE, destinations=["oncall/pagerduty[0]", "oncall/slack[0]"]).start()
    one.vendor.down = DOWN
    await one.fire()
    await one.until(200)

    pages = [
        page
        for page in one.channels["oncall/slack[0]"].arrivals
        if page.delivery.notification.group_labels == {"model": "fraud"}
    ]
    assert len(pages) == 1


async def test_a_page_on_a_fallback_is_closed_when_its_own_destination_is_gone_from_the_configuration() -> None:
    tables = MemoryTables()
    one = await Rig(ROUTE, destinations=PLACES, store=MemoryStore(tables)).start()
    one.vendor.down = DOWN
    await one.fire()
    await one.until(100)
    two = Rig(
        {**ROUTE, "receiver": "office"},
        destinations=PLACES[1:],
        store=MemoryStore(tables),
        clock=one.clock,
        topic=one.topic,
        channels={"office/slack[0]": one.channels["office/slack[0]"]},
    )
    await two.start(2)
    await two.until(101)
    assert not any(queue.stands_for for queue in two.router.state.queues.values())
    await two.resolve()
    await two.until(2000)
    open_now = one.channels["office/slack[0]"].open
    assert len(open_now) <= 1, "all but the message about the destination that is gone"


@pytest.mark.parametrize("severity", [Severity.ERROR, Severity.WARNING, Severity.INFO])
async def test_a_message_about_a_destination_is_as_severe_as_what_failed(severity: Severity) -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = REFUSED
    await one.fire(severity=severity.value)
    await one.until(10)

    [alarm] = alarms(one)
    assert alarm.delivery.notification.severity is severity


async def test_a_message_about_a_destination_is_closed_when_its_cause_is_over_without_any_success() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.down = REFUSED
    await one.fire(severity="warning")
    await one.until(10)
    assert len(one.channels["office/slack[0]"].open) == 1
    await one.resolve(severity="warning")
    await one.until(700)

    assert one.channels["office/slack[0]"].open == {}
    assert not any(page.took for page in one.vendor.arrivals)


async def test_a_success_of_another_page_does_not_close_what_is_said_about_one_that_is_refused() -> None:
    one = await Rig(ROUTE, destinations=PLACES).start()
    one.vendor.script = [failed(OutcomeReason.CONTENT_REJECTED, "no")]
    await one.fire(severity="warning")
    await one.until(10)
    await one.fire("churn", severity="warning")
    await one.until(20)

    assert len(one.channels["office/slack[0]"].open) == 1


async def test_a_restart_keeps_the_minute() -> None:
    tables = MemoryTables()
    one = await Rig(ROUTE, destinations=PLACES, store=MemoryStore(tables)).start()
    one.vendor.down = DOWN
    await one.fire()
    await one.until(40)
    two = Rig(
        ROUTE, destinations=PLACES, store=MemoryStore(tables), clock=one.clock, topic=one.topic, channels=one.channels
    )
    await two.start(2)
    await two.until(61)

    assert told(two) == {"fraud"}
