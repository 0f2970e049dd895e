"""A router that was frozen wakes up when another has taken over: it must not send what it had marked."""

from __future__ import annotations

import pytest

from driftbell.alerting.channels.http import request_seconds
from driftbell.alerting.errors import FencedError
from driftbell.alerting.process.router import LEASE_MS
from driftbell.runtime.config.router import RouterConfig
from tests.alerting.conftest import NewStore
from tests.alerting.rig import Rig, VendorChannel, VirtualClock


class Freeze:
    """Freezes the process for a while at one passage of a point."""

    def __init__(self, clock: VirtualClock, point: str, milliseconds: int) -> None:
        self.clock, self.point, self.milliseconds = clock, point, milliseconds
        self.frozen = False

    def __call__(self, point: str) -> None:
        if point == self.point and not self.frozen:
            self.frozen = True
            self.clock.now_ms += self.milliseconds


@pytest.mark.parametrize("frozen_ms", [LEASE_MS + 1, 60_000, 3_600_000])
async def test_a_router_that_wakes_up_after_another_took_over_sends_nothing(
    new_store: NewStore, frozen_ms: int
) -> None:
    clock = VirtualClock()
    vendor = VendorChannel(clock)
    channels = {"oncall/pagerduty[0]": vendor}
    freeze = Freeze(clock, "claimed", frozen_ms)
    old = await Rig({"group_wait": 0}, channels=channels, store=new_store(), clock=clock, crash=freeze).start(1)
    await old.fire()
    new = Rig({"group_wait": 0}, channels=channels, store=new_store(), clock=clock, topic=old.topic)
    confirm = old.router.confirm

    async def another_takes_over(claimed: object) -> None:
        # While the old one is frozen, between its mark and its request.
        await new.start(2)
        await new.resolve()
        await new.until(new.now + 400)
        vendor.arrivals.clear()
        await confirm(claimed)  # type: ignore[arg-type]

    old.router.confirm = another_takes_over  # type: ignore[method-assign]
    with pytest.raises(FencedError):
        await old.until(old.now)

    assert freeze.frozen
    assert vendor.arrivals == []
    assert vendor.open == {}


async def test_a_router_that_was_frozen_and_still_leads_sends_its_page(new_store: NewStore) -> None:
    clock = VirtualClock()
    freeze = Freeze(clock, "claimed", 60_000)
    one = await Rig({"group_wait": 0}, store=new_store(), clock=clock, crash=freeze).start()
    await one.fire()
    await one.until(70)

    assert freeze.frozen
    assert [page.at for page in one.vendor.arrivals] == [60.0]


@pytest.mark.parametrize("session", [6.0, 10.0, 30.0, 3600.0])
def test_a_request_is_over_before_another_router_may_take_over(session: float) -> None:
    assert LEASE_MS / 1000 + request_seconds(session) < session
    assert request_seconds(session) <= 15


def test_the_default_session_leaves_a_vendor_time_to_answer() -> None:
    assert request_seconds(RouterConfig().session_timeout) >= 5
