"""A router on a virtual clock, with channels that model what a vendor knows: thousands of hours in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from driftbell.alerting.channels.channel import Rate
from driftbell.alerting.channels.registry import Endpoint
from driftbell.alerting.incidents.decision import Decision, DecisionReason
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.incidents.failover import Failover
from driftbell.alerting.incidents.observation import Observation
from driftbell.alerting.life.flapping import NO_DAMPING, FlappingRule
from driftbell.alerting.muting.muter import Muter
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.outcome import Outcome, sent
from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.plan import Plan
from driftbell.alerting.process.router import Router, no_crash
from driftbell.alerting.process.sender import RateLimits, Sender
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.records import Kind
from driftbell.alerting.state.store import RouterStore
from driftbell.runtime.config.router import Route
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS, make_alert


class VirtualClock:
    """Epoch milliseconds that move when told to."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery as the vendor saw it."""

    #: Seconds since the start of the test.
    at: float
    kind: Kind
    delivery: Delivery
    took: bool

    @property
    def firing(self) -> list[str]:
        """The models whose alerts fire in it (the tests' usual way to tell alerts apart)."""
        return sorted(alert.labels["model"] for alert in self.delivery.notification.alerts if alert.status == "firing")

    @property
    def resolved(self) -> list[str]:
        """The models whose alerts are over in it."""
        return sorted(alert.labels["model"] for alert in self.delivery.notification.alerts if alert.status != "firing")


@dataclass
class VendorChannel:
    """A channel with a vendor behind it that keeps open incidents by key, as PagerDuty does.

    ``script`` has the outcomes of the next attempts; an outcome that is unknown to the sender (``Retry.UNKNOWN``) may
    still have been taken: then ``taken_when_unknown`` says so. ``down`` answers everything until it is None again.
    """

    clock: VirtualClock
    repeatable: bool = True
    in_flight: int = 1
    rate: Rate | None = None
    script: list[Outcome] = field(default_factory=list)
    down: Outcome | None = None
    taken_when_unknown: bool = False
    arrivals: list[Arrival] = field(default_factory=list)
    #: Keys of incidents open at the vendor, with the number of triggers since they opened.
    open: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0
    #: Resolves for which nothing was open.
    stray: int = 0
    #: Keys that were acknowledged.
    acknowledged: set[str] = field(default_factory=set)
    #: When people were called, in seconds since the start of the test.
    calls: list[float] = field(default_factory=list)

    async def send(self, delivery: Delivery) -> Outcome:
        outcome = self.script.pop(0) if self.script else (self.down or sent())
        took = outcome.ok or (outcome.retry == "unknown" and self.taken_when_unknown)
        at = (self.clock() - START_MS) / 1000
        self.arrivals.append(Arrival(at, delivery.kind, delivery, took))
        if took:
            self._take(delivery)
        return outcome

    async def close(self) -> None:
        pass

    def _take(self, delivery: Delivery) -> None:
        if delivery.calls:
            self.calls.append((self.clock() - START_MS) / 1000)
        if delivery.kind is not Kind.RESOLVE and delivery.notification.is_taken:
            # PagerDuty drops an acknowledgement of what is not open.
            self.acknowledged |= {key for key in (*delivery.older_keys, delivery.key) if key in self.open}
            return
        if delivery.calls_again and delivery.notification.acknowledged:
            self.acknowledged |= {key for key in delivery.older_keys if key in self.open}
        if delivery.kind is Kind.RESOLVE:
            for key in (*delivery.older_keys, delivery.key):
                if self.open.pop(key, None) is None:
                    self.stray += 1
                else:
                    self.closed += 1
        elif delivery.key in self.open:
            self.open[delivery.key] += 1
        else:
            self.open[delivery.key] = 1
            self.opened += 1

    @property
    def story(self) -> list[tuple[float, str]]:
        """What was taken, as (seconds, kind)."""
        return [(arrival.at, arrival.kind.value) for arrival in self.arrivals if arrival.took]


class Rig:
    """One router with its channels.

    Args:
        route: the routing tree as in the file, durations in seconds.
        destinations: their labels, which are their identities too where none are given.
        channels: by identity; made when absent.
        store: a memory store when absent.
        topic: the alerts topic; share it between a router and its successor.
        clock, seed, crash, muters: as ``Router`` and ``Dispatch`` take them.
    """

    def __init__(
        self,
        route: Mapping[str, Any] | None = None,
        *,
        destinations: Iterable[str] | Mapping[str, str] = ("oncall/pagerduty[0]",),
        channels: Mapping[str, VendorChannel] | None = None,
        quiet: Iterable[str] = (),
        store: RouterStore | None = None,
        topic: list[Alert] | None = None,
        clock: VirtualClock | None = None,
        seed: int = 1,
        crash: Callable[[str], None] = no_crash,
        muters: Iterable[Muter] = (),
        flapping: FlappingRule = NO_DAMPING,
    ) -> None:
        self.clock = clock or VirtualClock()
        tree = compile_tree(msgspec.convert({"receiver": "oncall", **(route or {})}, Route))
        identities = destinations if isinstance(destinations, Mapping) else {}
        self.destinations = [
            Destination(
                id=identities.get(name, name),
                receiver=name.partition("/")[0],
                integration=name.partition("/")[2].partition("[")[0],
                send_resolved=name not in set(quiet),
                label=name,
                for_people="/webhook[" not in name,
            )
            for name in destinations
        ]
        self.channels = dict(channels or {})
        for destination in self.destinations:
            self.channels.setdefault(destination.id, VendorChannel(self.clock))
        held_back_by = list(muters)
        plan = Plan(
            [Endpoint(destination, self.channels[destination.id]) for destination in self.destinations],
            lambda destinations: (
                Dispatch(tree, destinations, held_back_by, flapping=flapping),
                Failover(destinations, "oncall"),
            ),
            lambda record: self.channels.setdefault(record.id, VendorChannel(self.clock)),
        )
        self.router = Router(
            plan,
            store or MemoryStore(),
            clock=self.clock,
            random=Random(seed),
            metrics=RouterMetrics(CollectorRegistry(), ["pagerduty", "slack", "email"]),
            crash=crash,
        )
        limits = RateLimits()
        self.workers = [
            Sender(self.router, destination, self.channels[destination.id], limits) for destination in self.destinations
        ]
        self.decisions: list[tuple[float, Decision]] = []
        self.topic: list[Alert] = [] if topic is None else topic

    @property
    def vendor(self) -> VendorChannel:
        """The first destination's channel."""
        return self.channels[self.destinations[0].id]

    @property
    def now(self) -> float:
        """Seconds since the start of the test."""
        return (self.clock() - START_MS) / 1000

    async def start(self, generation: int = 1) -> Rig:
        """Become active."""
        await self.router.claim(generation)
        await self.read()
        return self

    async def push(self, *alerts: Alert) -> list[Observation]:
        """Publish records, and read them."""
        self.topic += alerts
        return await self.read()

    async def read(self) -> list[Observation]:
        """Read the topic to its end, from where the state says."""
        position = self.router.state.offsets.get(0, 0)
        records = [AlertRecord(0, offset, self.topic[offset]) for offset in range(position, len(self.topic))]
        return await self.router.apply(records) if records else []

    async def fire(self, model: str = "fraud", *, episode: int = 1, **labels: str) -> list[Observation]:
        """An alert of a model begins now."""
        return await self.push(make_alert(at_ms=self.clock(), episode=episode, labels={"model": model, **labels}))

    async def resolve(self, model: str = "fraud", *, episode: int = 1, **labels: str) -> list[Observation]:
        """An alert of a model is over now."""
        alert = make_alert("resolved", at_ms=self.clock(), episode=episode, labels={"model": model, **labels})
        return await self.push(alert)

    async def until(self, seconds: float) -> None:
        """Let time pass until ``seconds`` after the start, doing on the way whatever falls due."""
        end_ms = START_MS + round(seconds * 1000)
        while True:
            waits = await self._settle_down()
            times = [self.clock() + wait for wait in waits if wait is not None]
            flush_ms = self.router.next_timer_ms()
            if flush_ms is not None:
                times.append(flush_ms)
            next_ms = min(times, default=end_ms)
            if next_ms > end_ms:
                break
            if next_ms <= self.clock() and self.clock() >= end_ms:
                break
            self.clock.now_ms = max(self.clock(), next_ms)
        self.clock.now_ms = max(self.clock(), end_ms)
        await self._settle_down()

    async def _settle_down(self) -> list[int | None]:
        while True:
            made = await self.router.flush_due()
            self.decisions += [(self.now, decision) for decision in made]
            waits = [await worker.step() for worker in self.workers]
            if not made and all(wait != 0 for wait in waits):
                return waits

    def reasons(self, destination: str = "oncall/pagerduty[0]") -> list[tuple[float, DecisionReason]]:
        """What was decided for a destination, and when."""
        return [(at, decision.reason) for at, decision in self.decisions if decision.destination == destination]
