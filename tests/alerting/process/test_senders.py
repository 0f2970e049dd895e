"""Senders follow a changed configuration: what is on its way is finished by the channel that it was begun by."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from driftbell.alerting.channels.registry import Endpoint
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.incidents.failover import Failover
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.outcome import Outcome, sent
from driftbell.alerting.process.reloading.plan import Plan
from driftbell.alerting.process.reloading.senders import Senders
from driftbell.alerting.routing.routes import compile_tree
from driftbell.runtime.config.router import Route
from tests.alerting.rig import Rig

ID = "oncall/pagerduty[0]"


class SlowChannel:
    """Answers when it is told to."""

    repeatable, rate = True, None

    def __init__(self, in_flight: int = 1) -> None:
        self.in_flight = in_flight
        self.answer = asyncio.Event()
        self.begun: list[str] = []
        self.closed = 0

    async def send(self, delivery: Delivery) -> Outcome:
        assert not self.closed
        self.begun.append(delivery.notification.group_labels["model"])
        await self.answer.wait()
        return sent()

    async def close(self) -> None:
        self.closed += 1


def plan_with(*channels: tuple[str, SlowChannel]) -> Plan:
    tree = compile_tree(Route(receiver="oncall", group_by=["model"], group_wait=0.0))
    endpoints = [Endpoint(Destination(name, "oncall", "pagerduty"), channel) for name, channel in channels]
    return Plan(
        endpoints,
        lambda destinations: (Dispatch(tree, destinations), Failover(destinations, "oncall")),
        lambda record: SlowChannel(),
    )


async def until(condition: Any) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to pass")


async def test_a_new_channel_serves_what_is_new_and_the_old_one_is_closed_when_it_is_done() -> None:
    rig = await Rig({"group_by": ["model"], "group_wait": 0.0}).start()
    before, after = SlowChannel(in_flight=3), SlowChannel()
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
        tasks.append(asyncio.create_task(work, name=name))

    router = rig.router
    await router.reload(plan_with((ID, before)))
    senders = Senders(router, spawn, asyncio.Event())
    senders.follow()
    for model in ("a", "b"):
        await rig.fire(model)
    await router.flush_due()
    await until(lambda: len(before.begun) == 2)

    await router.reload(plan_with((ID, after)))
    senders.follow()
    await rig.fire("c")
    await router.flush_due()
    await until(lambda: after.begun == ["c"])
    assert before.closed == 0 and sorted(before.begun) == ["a", "b"]

    before.answer.set()
    await until(lambda: before.closed == 1)
    after.answer.set()
    await until(lambda: sum(queue.incidents[0].delivered == "yes" for queue in router.state.queues.values()) == 3)
    # Three worked for the old channel; the new one takes one at a time.
    await until(lambda: sum(not task.done() for task in tasks) == 1)

    gone = next(iter(senders._served.values())).sender
    router.endpoints = {}
    senders.follow()
    await until(lambda: all(task.done() for task in tasks))
    assert after.closed == 1 and gone.running == 0
    for task in tasks:
        task.result()


async def test_a_channel_that_cannot_be_closed_ends_no_sender() -> None:
    class Stuck(SlowChannel):
        async def close(self) -> None:
            self.closed += 1
            raise OSError("no route to host")

    rig = await Rig({"group_wait": 0.0}).start()
    before, after = Stuck(), Stuck()
    tasks: list[asyncio.Task[None]] = []
    await rig.router.reload(plan_with((ID, before)))
    senders = Senders(rig.router, lambda work, name: tasks.append(asyncio.create_task(work)), asyncio.Event())
    senders.follow()
    await rig.router.reload(plan_with((ID, after)))
    senders.follow()
    rig.router.endpoints = {}
    senders.follow()
    await until(lambda: all(task.done() for task in tasks))

    assert (before.closed, after.closed) == (1, 1)
    for task in tasks:
        task.result()
