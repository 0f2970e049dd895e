"""A close that a destination refuses is never dropped: what was opened is closed when the destination takes it."""

from __future__ import annotations

import pytest

from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed
from tests.alerting.rig import Rig

ROUTE = {"group_by": ["model"], "group_wait": 0, "group_interval": 300, "repeat_interval": 3600}

REFUSALS = [
    OutcomeReason.AUTH_ERROR,
    OutcomeReason.DESTINATION_GONE,
    OutcomeReason.CLIENT_ERROR,
    OutcomeReason.CONTENT_REJECTED,
]


def no(reason: OutcomeReason = OutcomeReason.AUTH_ERROR) -> Outcome:
    return failed(reason, "no")


async def refused_close(reason: OutcomeReason = OutcomeReason.AUTH_ERROR) -> Rig:
    """A rig at 400 s whose close was refused at 300 s."""
    one = await Rig(ROUTE, destinations=["oncall/pagerduty[0]", "oncall/email[0]"]).start()
    await one.fire()
    await one.until(10)
    one.vendor.down = no(reason)
    await one.resolve()
    await one.until(400)
    assert [page.kind for page in one.vendor.arrivals] == ["trigger", "resolve"]
    return one


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_refused_close_is_tried_every_hour_until_it_is_taken(reason: OutcomeReason) -> None:
    one = await refused_close(reason)
    await one.until(400 + 3 * 3600)
    assert [page.at for page in one.vendor.arrivals][1:] == [300, 3900, 7500, 11100]
    one.vendor.down = None
    await one.until(400 + 4 * 3600)

    assert (one.vendor.open, one.vendor.closed, one.vendor.stray) == ({}, 1, 0)
    assert one.router.state.queues == {}
    assert len(one.router.state.dead_deliveries) == 1, "one refusal is one dead letter, however often it is tried"


async def test_a_refused_close_is_tried_for_longer_than_any_message() -> None:
    one = await refused_close()
    await one.until(30 * 24 * 3600)
    one.vendor.down = None
    await one.until(30 * 24 * 3600 + 3600)

    assert one.vendor.open == {}


async def test_a_refused_close_is_tried_at_once_after_a_success_of_its_destination() -> None:
    one = await refused_close()
    one.vendor.down = None
    await one.fire("churn")
    await one.until(401)

    assert [page.kind for page in one.vendor.arrivals][-2:] == ["trigger", "resolve"]
    assert len(one.vendor.open) == 1


async def test_a_success_and_a_refusal_do_not_chase_each_other() -> None:
    one = await refused_close()
    for number in range(20):
        one.vendor.script = [Outcome(OutcomeReason.SENT), no()]
        await one.fire(f"m{number}")
        await one.until(401 + number)

    assert sum(page.kind == "resolve" for page in one.vendor.arrivals) <= 3


async def test_a_refused_close_is_tried_at_once_by_a_router_that_starts() -> None:
    one = await refused_close()
    one.vendor.down = None
    await one.router.claim(2)
    await one.until(401)

    assert one.vendor.open == {}


async def test_the_next_episode_over_a_refused_close_calls_again_and_one_close_is_enough() -> None:
    one = await refused_close()
    one.vendor.down = None
    await one.fire(episode=2)
    await one.until(401)

    last = one.vendor.arrivals[-1]
    assert (last.kind, last.delivery.calls, last.took) == ("update", True, True)
    await one.resolve(episode=2)
    await one.until(1000)
    assert (one.vendor.open, one.vendor.stray) == ({}, 0)
    assert not any(queue.destination == "oncall/pagerduty[0]" for queue in one.router.state.queues.values())
