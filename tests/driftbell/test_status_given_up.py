"""The status says which messages of the router were given up, by destination."""

from __future__ import annotations

from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.state.memory import MemoryStore
from driftbell.status import lines
from driftbell.status.fleet import fleet
from driftbell.status.given_up import given_up, look_for_given_up
from tests.alerting.rig import Rig


async def test_messages_that_were_given_up_are_counted_by_destination_with_the_latest() -> None:
    box = MemoryStore()
    one = await Rig({"group_wait": 0, "group_interval": 2}, store=box).start()
    await one.fire("fraud")
    one.vendor.down = failed(OutcomeReason.AUTH_ERROR, "invalid key")
    assert await look_for_given_up(box) == []
    await one.until(5)

    [found] = await look_for_given_up(box)
    assert (found.destination, found.reason, found.error) == ("oncall/pagerduty[0]", "auth_error", "invalid key")
    assert found.messages == len(one.router.state.dead_deliveries) > 1
    status = fleet("g", {}, {}, given_up=[found])
    assert str(found) in "\n".join(lines(status))
    assert status.problems == [], "it may work by now"


def test_what_is_damaged_is_left_out() -> None:
    assert given_up({"x": b"\x02damaged"}) == []
