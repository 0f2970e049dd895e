"""An incident that becomes more severe calls people again, at once; and all that it opened is closed with it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from driftbell.alerting.incidents import dispatch
from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.rendering.notification import worst
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Arrival, Rig

ROUTE = {"group_by": ["model"], "group_wait": 1, "group_interval": 300, "repeat_interval": 3600}


def calls(one: Rig) -> list[tuple[float, str, bool]]:
    return [(page.at, page.delivery.notification.severity.value, page.delivery.calls) for page in one.vendor.arrivals]


async def test_a_critical_alert_that_joins_a_warning_is_paged_at_once_and_anew() -> None:
    one = await Rig(ROUTE).start()
    await one.fire(severity="warning")
    await one.until(10)
    await one.fire(severity="critical")
    await one.until(20)

    assert calls(one) == [(1.0, "warning", True), (10.0, "critical", True)]
    first, second = one.vendor.arrivals
    assert first.delivery.key != second.delivery.key, "an update of a PagerDuty incident notifies nobody"
    assert first.delivery.incident.id == second.delivery.incident.id
    assert len(one.vendor.open) == 2

    await one.resolve(severity="critical")
    await one.until(320)
    assert len(one.vendor.open) == 2
    await one.resolve(severity="warning")
    await one.until(1000)
    assert (one.vendor.open, one.vendor.closed, one.vendor.stray) == ({}, 2, 0)
    assert one.router.state.queues == {}


@pytest.mark.parametrize("severity", ["warning", "info"])
async def test_what_is_no_more_severe_waits_for_group_interval_and_calls_nobody(severity: str) -> None:
    one = await Rig(ROUTE).start()
    await one.fire(severity="warning")
    await one.until(10)
    await one.fire(severity=severity, detector="other")
    await one.until(400)

    assert calls(one) == [(1.0, "warning", True), (301.0, "warning", False)]


async def test_a_rise_before_the_first_page_is_part_of_it() -> None:
    one = await Rig(ROUTE).start()
    await one.fire(severity="warning")
    await one.until(0.5)
    await one.fire(severity="critical")
    await one.until(100)

    assert calls(one) == [(1.0, "critical", True)]
    assert len(one.vendor.open) == 1


async def test_a_rise_while_the_first_page_waits_for_its_vendor_is_one_page() -> None:
    one = await Rig(ROUTE).start()
    one.vendor.down = failed(OutcomeReason.CONNECTION_FAILED, "down")
    await one.fire(severity="warning")
    await one.until(10)
    await one.fire(severity="critical")
    await one.until(20)
    one.vendor.down = None
    await one.until(200)

    taken: list[Arrival] = [page for page in one.vendor.arrivals if page.took]
    assert [page.kind for page in taken] == ["trigger"]
    assert len(one.vendor.open) == 1
    await one.resolve(severity="warning")
    await one.resolve(severity="critical")
    await one.until(1000)
    assert (one.vendor.open, one.vendor.stray) == ({}, 0)


async def test_a_rise_is_kept_when_its_call_fails_and_more_comes() -> None:
    one = await Rig(ROUTE).start()
    await one.fire(severity="warning")
    await one.until(10)
    one.vendor.down = failed(OutcomeReason.CONNECTION_FAILED, "down")
    await one.fire(severity="critical")
    await one.until(11)
    await one.fire(severity="critical", detector="other")
    await one.until(320)
    one.vendor.down = None
    await one.until(640)

    [last] = [page for page in one.vendor.arrivals if page.took and page.at > 10]
    assert last.delivery.calls
    assert len(one.vendor.open) == 2


async def test_a_flapping_rise_does_not_open_without_end() -> None:
    one = await Rig({**ROUTE, "group_interval": 1}).start()
    await one.fire(severity="warning")
    for episode in range(1, 41):
        await one.until(episode * 10)
        await one.fire(severity="critical", episode=episode)
        await one.until(episode * 10 + 5)
        await one.resolve(severity="critical", episode=episode)

    assert len(one.vendor.open) == 20
    await one.resolve(severity="warning")
    await one.until(500)
    assert (one.vendor.open, one.vendor.stray) == ({}, 0)


async def test_a_storm_that_joins_an_open_group_does_not_look_at_every_alert_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands join a group of thousands: what people were told is not gone through for each of them."""
    looked_at = 0

    def noted(alerts: Iterable[Alert]) -> int:
        nonlocal looked_at
        listed = list(alerts)
        looked_at += len(listed)
        return worst(listed)

    monkeypatch.setattr(dispatch, "worst", noted)
    one = await Rig({**ROUTE, "group_by": ["team"]}).start()
    storm = [make_alert(at_ms=one.clock(), labels={"model": f"m{number}"}) for number in range(1000)]
    await one.push(*storm[:500])
    await one.until(10)
    await one.push(*storm[500:])

    assert looked_at <= 3 * len(storm)
