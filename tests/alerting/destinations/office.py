"""A router with its real channels before fakes of the vendors, on a virtual clock, under configurations that change."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry

from driftbell.alerting.channels.registry import MODEL, build
from driftbell.alerting.channels.registry import check as check_channels
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.plan import Plan, plan_of
from driftbell.alerting.process.router import Router, no_crash
from driftbell.alerting.process.sender import RateLimits, Sender
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import TOKEN, Slack, SlackMessage
from driftbell.runtime.config.router_check import check
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig, VirtualClock

A, B, C = "a" * 32, "b" * 32, "c" * 32


class Office(Rig):
    """One router after another on one state, each with the configuration that it is given."""

    def __init__(self, session: aiohttp.ClientSession, pagerduty: PagerDuty, slack: Slack) -> None:
        self.clock = VirtualClock()
        self.topic: list[Alert] = []
        self.decisions = []
        self.shared = MemoryTables()
        self.session, self.pagerduty, self.slack = session, pagerduty, slack
        self._senders: dict[str, Sender] = {}
        self.generation = 0

    def plan(self, settings: dict[str, Any]) -> Plan:
        """A configuration, ready to be put in force."""
        defaults = {"pagerduty_url": self.pagerduty.url, "slack_bot_token": TOKEN}
        whole = {**settings, "global": defaults | settings.get("global", {})}
        router = msgspec.convert(whole, MODEL.router)
        assert [*check(router), *check_channels(router)] == []
        return plan_of(router, build(router, self.session), self.session)

    async def begin(self, settings: dict[str, Any], crash: Callable[[str], None] = no_crash) -> None:
        """A router starts; whatever the one before had in memory is lost."""
        self.generation += 1
        self.router = Router(
            self.plan(settings),
            MemoryStore(self.shared),
            clock=self.clock,
            random=Random(self.generation),
            metrics=RouterMetrics(CollectorRegistry()),
            crash=crash,
        )
        self._senders, self._limits = {}, RateLimits()
        await self.start(self.generation)

    async def reload(self, settings: dict[str, Any]) -> None:
        """The router that runs takes another configuration."""
        await self.router.reload(self.plan(settings))

    @property
    def workers(self) -> list[Sender]:  # type: ignore[override]
        """Senders of what is in force, as ``Senders.follow`` has them."""
        for name, endpoint in self.router.endpoints.items():
            sender = self._senders.get(name)
            if sender is None:
                self._senders[name] = Sender(self.router, endpoint.destination, endpoint.channel, self._limits)
            else:
                sender.channel = endpoint.channel
        return [self._senders[name] for name in self.router.endpoints]

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        await self.until((self.clock() - START_MS) / 1000 + seconds)
        await self.router.heartbeat()

    def open_at(self, key: str) -> list[str]:
        """The models with an incident open at a service of PagerDuty."""
        found = [one for one in self.pagerduty.open if one.routing_key == key]
        return sorted(_model(one.summary) for one in found)

    def shown_in(self, channel: str) -> list[str]:
        """The models whose message in a channel says that they fire."""
        return sorted(
            _model(one.everything)
            for one in self._roots(channel)
            if not any(end in one.everything for end in ("resolved", "closed here"))
        )

    def posted_in(self, channel: str) -> int:
        """Messages that were ever posted there."""
        return len(self._roots(channel))

    @property
    def triggers(self) -> dict[tuple[str, str], int]:
        """How often each model was opened at each service."""
        found: dict[tuple[str, str], int] = {}
        for one in self.pagerduty.incidents:
            place = (one.routing_key, _model(one.summary))
            found[place] = found.get(place, 0) + 1
        return found

    @property
    def stray(self) -> int:
        """Events for which nothing was open: what should have been closed is open elsewhere, or was closed twice."""
        return sum(event.effect == "dropped" for event in self.pagerduty.events)

    @property
    def retired(self) -> set[str]:
        """The labels of retired destinations."""
        return {one.label for one in self.router.state.destinations.values() if one.retired_ms}

    def _roots(self, channel: str) -> list[SlackMessage]:
        return [one for one in self.slack.roots if one.channel == channel]


def _model(text: str) -> str:
    return text.partition("error rate of ")[2].partition(" ")[0]
