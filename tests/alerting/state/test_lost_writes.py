"""A store that goes back while the router lives: what was sent stays known, and nobody is paged twice."""

from __future__ import annotations

from tests.alerting.conftest import SharedState
from tests.alerting.rig import Rig

ROUTE = {"group_by": ["model"], "group_wait": 0, "group_interval": 1}


async def test_nothing_is_sent_twice_and_everything_is_closed(shared_state: SharedState) -> None:
    rig = Rig(ROUTE, store=shared_state.new_store())
    await rig.start()
    await rig.fire("early")
    back = shared_state.remember()
    await rig.until(10)
    await rig.fire("late")
    await rig.until(20)
    assert rig.vendor.opened == 2
    back()
    await rig.router.heartbeat()
    await rig.until(40)
    successor = Rig(
        ROUTE,
        store=shared_state.new_store(),
        channels=rig.channels,
        clock=rig.clock,
        topic=rig.topic,
    )
    await successor.start(2)
    await successor.resolve("early")
    await successor.resolve("late")
    await successor.until(60)

    assert [kind for _, kind in rig.vendor.story] == ["trigger", "trigger", "resolve", "resolve"]
    assert rig.vendor.open == {}
    lost = rig.router.metrics.registry.get_sample_value(
        "driftbell_router_store_failures_total", {"reason": "lost_writes"}
    )
    assert lost == 1
