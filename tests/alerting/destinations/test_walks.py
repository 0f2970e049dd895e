"""Random walks over configurations, outages, crashes and alerts: at the end nothing is open anywhere, whatever came before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from driftbell.alerting.channels.http import new_session
from driftbell.fakes.faults import Fault
from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import Slack
from tests.alerting.destinations.office import A, B, C, Office
from tests.alerting.destinations.test_changes import configuration

MODELS = ["churn", "fraud", "risk"]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with PagerDuty() as pagerduty, Slack() as slack, new_session() as session:
        yield Office(session, pagerduty, slack)


class Killed(BaseException):
    """The router is killed."""


class Walk:
    """One walk: an office, and what fires in it."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self.random = Random(seed)
        self.episodes = dict.fromkeys(MODELS, 0)
        self.firing: set[str] = set()
        self.crashes = 0
        self._left: int | None = None

    def any_configuration(self) -> dict[str, Any]:
        """Up to three receivers with up to three channels each, that share addresses as chance will have it."""
        receivers: dict[str, Any] = {}
        for name in self.random.sample(["oncall", "night", "team"], self.random.randint(1, 3)):
            keys = self.random.sample([A, B, C], self.random.randint(1, 2))
            channels = self.random.sample(["C1", "C2"], self.random.randint(0, 2))
            receivers[name] = {
                "pagerduty_configs": [{"routing_key": key} for key in keys],
                "slack_configs": [
                    {"channel": one, "mentions": self.random.choice([[], ["<!here>"]])} for one in channels
                ],
            }
        routes = [
            {"receiver": self.random.choice(list(receivers)), "matchers": [f'model="{model}"']}
            for model in MODELS
            if self.random.random() < 0.5
        ]
        # What opens often is kept open for a while, and its end could not be told from one that is lost.
        return configuration(self.office, receivers, *routes) | {"flapping": {"opens": 0}}

    def crash(self, point: str) -> None:
        """Kill at one of the next points, if it is to be."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                raise Killed(point)

    async def begin(self) -> None:
        self._left = None
        await self.office.begin(self.any_configuration(), self.crash)

    async def step(self) -> None:
        """Something happens; a router that dies of it is replaced."""
        what = self.random.choice(["alert", "alert", "alert", "time", "time", "reload", "restart", "outage", "crash"])
        try:
            if what == "alert":
                await self._alert(self.random.choice(MODELS))
            elif what == "time":
                await self.office.run(self.random.choice([1, 5, 30, 200]))
            elif what == "reload":
                await self.office.reload(self.any_configuration())
            elif what == "restart":
                await self.begin()
            elif what == "outage":
                self._outage()
            else:
                self._left = self.random.randint(0, 8)
        except Killed:
            self.crashes += 1
            await self.begin()

    async def _alert(self, model: str) -> None:
        if model in self.firing:
            self.firing.discard(model)
            await self.office.resolve(model, episode=self.episodes[model])
        else:
            self.firing.add(model)
            self.episodes[model] += 1
            await self.office.fire(model, episode=self.episodes[model])

    def _outage(self) -> None:
        fake = self.random.choice([self.office.pagerduty, self.office.slack])
        if len(fake.faults):
            fake.faults.clear()
        else:
            fake.faults.add(Fault(status=503), times=self.random.choice([3, 30, 1_000]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_all_is_closed_and_nothing_is_forgotten(office: Office, seed: int) -> None:
    walk = Walk(office, seed)
    await walk.begin()
    for _ in range(40):
        await walk.step()
    walk._left = None
    for fake in (office.pagerduty, office.slack):
        fake.faults.clear()
    await office.run(700)

    opened = {(one.routing_key, one.dedup_key) for one in office.pagerduty.open}
    assert len(opened) == len(office.pagerduty.open)
    shown = {model for key in (A, B, C) for model in office.open_at(key)}
    assert shown == walk.firing

    for model in sorted(walk.firing):
        await office.resolve(model, episode=walk.episodes[model])
    await office.run(700)

    assert office.pagerduty.open == []
    assert office.shown_in("C1") == office.shown_in("C2") == []
    # Each crash may repeat one delivery, and a repeated close finds nothing.
    assert office.stray <= walk.crashes
    assert office.router.state.queues == {} and office.router.state.groups == {}
    assert office.retired == set()
    assert not any(one.secrets for one in office.router.state.destinations.values())
