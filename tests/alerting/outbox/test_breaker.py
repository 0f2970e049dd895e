"""A dead destination is asked by one delivery at a time, and nobody's first page waits for it."""

from __future__ import annotations

import pytest

from driftbell.alerting.outbox.breaker import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, OPENS_AFTER, Breaker
from driftbell.alerting.outbox.outcome import OutcomeReason, failed, sent
from tests.alerting.rig import Rig, VendorChannel, VirtualClock

DOWN = failed(OutcomeReason.CONNECTION_FAILED, "refused")


def opened(failures: int = OPENS_AFTER) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker.begin()
        breaker.end(DOWN, 0)
    return breaker


def test_it_opens_after_five_failures_in_a_row_and_closes_with_a_success() -> None:
    assert not opened(OPENS_AFTER - 1).is_open
    breaker = opened()
    assert breaker.is_open

    breaker.begin()
    assert breaker.end(sent(), 1)
    assert (breaker.failures, breaker.wait_ms(1, fresh=False)) == (0, 0)


def test_while_it_is_open_one_is_on_its_way_at_a_time() -> None:
    breaker = opened()
    breaker.begin()

    assert breaker.wait_ms(10**9, fresh=True) is None
    breaker.end(None, 10**9)
    assert breaker.wait_ms(10**9, fresh=True) == 0


def test_pauses_between_probes_double_up_to_a_minute_and_a_first_page_waits_for_none() -> None:
    breaker, now_ms, pauses = opened(), 0, []
    for _ in range(9):
        wait_ms = breaker.wait_ms(now_ms, fresh=False)
        assert wait_ms is not None and breaker.wait_ms(now_ms, fresh=True) == 0
        pauses.append(wait_ms)
        now_ms += wait_ms
        breaker.begin()
        breaker.end(DOWN, now_ms)

    assert pauses == [min(FIRST_PAUSE_MS * 2**number, LONGEST_PAUSE_MS) for number in range(9)]


@pytest.mark.parametrize("reason", [OutcomeReason.CONTENT_REJECTED, OutcomeReason.RATE_LIMITED])
def test_an_answer_that_says_nothing_of_the_destination_does_not_count(reason: OutcomeReason) -> None:
    breaker = Breaker()
    for _ in range(3 * OPENS_AFTER):
        breaker.begin()
        breaker.end(failed(reason, ""), 0)

    assert not breaker.is_open


async def test_an_outage_does_not_use_up_the_attempts_of_all_that_wait() -> None:
    clock = VirtualClock()
    channel = VendorChannel(clock, down=DOWN, repeatable=False, in_flight=4)
    rig = Rig(
        {"group_by": ["model"], "group_wait": 0.0, "group_interval": 60.0},
        channels={"oncall/pagerduty[0]": channel},
        clock=clock,
    )
    await rig.start()
    for number in range(40):
        await rig.fire(f"m{number}", severity="warning")
    await rig.until(300)

    # One by one, a minute apart at last: without the breaker it would be hundreds.
    assert len(channel.arrivals) < 5 + 12
    assert rig.router.dead == {"oncall/pagerduty[0]"}

    channel.down = None
    await rig.until(420)
    assert len(channel.open) == 40 and rig.router.dead == set()


async def test_first_pages_are_tried_and_told_elsewhere_though_the_destination_is_dead() -> None:
    clock = VirtualClock()
    dead, other = VendorChannel(clock, down=DOWN, in_flight=4), VendorChannel(clock)
    rig = Rig(
        {"group_by": ["model"], "group_wait": 0.0, "group_interval": 60.0},
        destinations=("oncall/pagerduty[0]", "help/slack[0]"),
        channels={"oncall/pagerduty[0]": dead, "help/slack[0]": other},
        clock=clock,
    )
    await rig.start()
    for number in range(6):
        await rig.fire(f"old{number}", severity="warning")
    await rig.until(200)
    assert rig.router.dead == {"oncall/pagerduty[0]"}
    for number in range(60):
        await rig.fire(f"new{number}")
    await rig.until(261)

    fresh = {f"new{number}" for number in range(60)}
    assert fresh <= {model for arrival in dead.arrivals for model in arrival.firing}
    told = (alert.labels.get("model") for arrival in other.arrivals for alert in arrival.delivery.notification.alerts)
    assert fresh <= set(told)
