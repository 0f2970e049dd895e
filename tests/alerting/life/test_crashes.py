"""The router is killed at every point while people take incidents on: nothing is lost, done twice, or left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import Kind
from driftbell.alerting.state.silence import Acknowledge, Action, Command, Unacknowledge
from driftbell.schemas import Alert
from tests.alerting.life.test_acknowledging import mark, rig
from tests.alerting.process.test_crashes import POINTS, Killed, Killer
from tests.alerting.rig import Rig, VendorChannel, VirtualClock

LADDER = ("oncall/pagerduty[0]", "oncall/slack[0]", "lead/email[0]")
ROUTE = {"group_wait": 1, "group_interval": 10, "escalate": [{"after": 60, "receiver": "lead"}], "remind": 150}


class Story:
    """Fire; escalated; taken on; given back; reminded; snoozed; called again; over."""

    def __init__(self, killer: Killer) -> None:
        self.clock = VirtualClock()
        self.channels = {name: VendorChannel(self.clock) for name in LADDER}
        self.topic: list[Alert] = []
        self.tables = MemoryTables()
        self.killer = killer
        self.generation = 0
        self.one: Rig | None = None

    async def step(self, action: Callable[[Rig], Awaitable[object]]) -> None:
        known = len(self.topic)
        while True:
            try:
                if self.one is None:
                    self.generation += 1
                    made = rig(
                        ROUTE,
                        destinations=LADDER,
                        channels=self.channels,
                        store=MemoryStore(self.tables),
                        topic=self.topic,
                        clock=self.clock,
                        crash=self.killer,
                    )
                    await made.start(self.generation)
                    self.one = made
                await (action(self.one) if len(self.topic) == known else self.one.read())
                return
            except Killed:
                self.one = None

    async def ask(self, number: int, action: Action) -> None:
        """Who asks and hears nothing asks again, under the same id."""
        command = Command(id=f"command-{number}", action=action)
        await self.step(lambda one: one.router.command(command))

    async def live(self) -> None:
        await self.step(lambda one: one.fire())
        await self.step(lambda one: one.until(100))
        await self.ask(1, Acknowledge(target=mark(), by="ann"))
        await self.step(lambda one: one.until(400))
        await self.ask(2, Unacknowledge(target=mark()))
        await self.step(lambda one: one.until(600))
        await self.ask(3, Acknowledge(target=mark(), by="bob", until_ms=self.clock() + 100_000))
        await self.step(lambda one: one.until(720))
        await self.ask(4, Acknowledge(target=mark(), by="ann"))
        await self.step(lambda one: one.until(900))
        await self.step(lambda one: one.resolve())
        await self.step(lambda one: one.until(1_000))

    def check(self) -> None:
        assert self.one is not None
        state = self.one.router.state
        assert state.queues == {}
        assert state.groups == {}
        assert [state.answers[f"command-{number}"].error for number in range(1, 5)] == [""] * 4
        extra = 0
        for channel in self.channels.values():
            assert channel.open == {}
            assert channel.opened == channel.closed
            taken = Counter(arrival.delivery.id for arrival in channel.arrivals if arrival.took)
            extra += sum(count - 1 for count in taken.values())
            # Called: at the first page or the escalation, given back, reminded, and at the end of the snooze.
            calls = {arrival.delivery.id for arrival in channel.arrivals if arrival.delivery.calls}
            assert len(calls) == 4
            assert channel.arrivals[-1].kind is Kind.RESOLVE
        assert extra <= self.killer.killed


@pytest.mark.slow
async def test_whatever_point_it_is_killed_at_people_are_called_as_often_and_all_is_closed() -> None:
    whole = Story(Killer())
    await whole.live()
    whole.check()
    kills = [(point, number) for point in POINTS for number in range(whole.killer.passages[point])]
    assert len(kills) > 60
    for kill in kills:
        story = Story(Killer(kill))
        await story.live()
        assert story.killer.killed == 1, kill
        story.check()
