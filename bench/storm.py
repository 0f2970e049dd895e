"""A storm: very many alerts at once, through the router's core, on the real clock.

    python -m bench.storm --alerts 50000 --seconds 10

Every alert is of another model, so that each is an incident of its own. Slack takes one message a second, PagerDuty four at
a time, one webhook answers in 10 ms, and another answers nothing at all. Printed: how long the event loop was blocked at
most, memory, how soon the healthy webhook had its first message after its group was due, what each was sent, and the text
of the message that says how many more there are.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import time
from dataclasses import dataclass, field
from random import Random

import msgspec
from prometheus_client import CollectorRegistry

from driftbell.alerting.channels.channel import Rate
from driftbell.alerting.channels.registry import Endpoint
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.incidents.failover import Failover
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.process.consumer import MAX_POLL_RECORDS
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.plan import Plan
from driftbell.alerting.process.router import Router
from driftbell.alerting.process.sender import RateLimits, Sender
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.storms.digest import ALERTNAME
from driftbell.commands.router import GC_THRESHOLDS
from driftbell.runtime.config.router import Route
from driftbell.schemas import Alert, Evidence, alert_id, fingerprint

_GROUP_WAIT_SECONDS = 1.0


@dataclass
class Vendor:
    """A channel that answers after a while."""

    answer_seconds: float
    in_flight: int = 1
    rate: Rate | None = None
    dead: bool = False
    repeatable: bool = True
    sent: int = 0
    first: float | None = None
    digests: list[str] = field(default_factory=list)

    async def send(self, delivery: Delivery) -> Outcome:
        """One attempt."""
        await asyncio.sleep(self.answer_seconds)
        if self.dead:
            return failed(OutcomeReason.NO_ANSWER, "no answer in time")
        self.first = self.first or time.monotonic()
        self.sent += 1
        if delivery.notification.common_labels.get("alertname") == ALERTNAME:
            self.digests.append(subject(delivery.notification))
        return sent()

    async def close(self) -> None:
        """Nothing is open."""


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def alert(model: str) -> Alert:
    """An alert of one model that begins now."""
    labels = {"alertname": "ErrorRateRose", "model": model, "severity": "critical"}
    mark = fingerprint(labels)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Alert(
        id=alert_id(mark, 1, "firing"),
        fingerprint=mark,
        status="firing",
        labels=labels,
        annotations={"summary": f"error rate of {model} rose from 4.1 % to 9.8 %"},
        startsAt=at,
        updatedAt=at,
        episode=1,
        reason="bench",
        evidence=Evidence(metric="error_rate", value=0.098),
    )


def memory_mb() -> float:
    """Most memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def storm(alerts: int, seconds: float, after: float) -> None:
    """One run."""
    vendors = {
        "oncall/slack[0]": Vendor(0.1, rate=Rate("slack", 1.0, 1)),
        "oncall/pagerduty[0]": Vendor(0.1, in_flight=4),
        "oncall/webhook[0]": Vendor(0.01, in_flight=8),
        "oncall/webhook[1]": Vendor(9.0, in_flight=8, dead=True),
    }
    places = [
        Destination(
            id=name,
            receiver="oncall",
            integration=name.split("/")[1].split("[")[0],
            for_people="webhook" not in name,
        )
        for name in vendors
    ]
    route = {"receiver": "oncall", "group_by": ["model"], "group_wait": _GROUP_WAIT_SECONDS}
    tree = compile_tree(msgspec.convert(route, Route))
    plan = Plan(
        [Endpoint(place, vendors[place.id]) for place in places],
        lambda destinations: (Dispatch(tree, destinations), Failover(destinations, "oncall")),
        lambda record: vendors[record.id],
    )
    registry = CollectorRegistry()
    router = Router(plan, MemoryStore(), clock=now_ms, random=Random(1), metrics=RouterMetrics(registry))  # noqa: S311 - jitter
    await router.claim(1)
    stop, limits = asyncio.Event(), RateLimits()
    tasks = [asyncio.create_task(_timers(router, stop))]
    for place in places:
        sender = Sender(router, place, vendors[place.id], limits)
        tasks += [asyncio.create_task(sender.run(stop)) for _ in range(sender.in_flight)]
    blocked: list[float] = []
    tasks.append(asyncio.create_task(_watch(blocked)))
    before = memory_mb()
    began = time.monotonic()
    batch = MAX_POLL_RECORDS
    for first in range(0, alerts, batch):
        await asyncio.sleep(max(0.0, began + seconds * first / alerts - time.monotonic()))
        records = [AlertRecord(0, number, alert(f"m{number}")) for number in range(first, min(first + batch, alerts))]
        await router.apply(records)
    arrived = time.monotonic()
    await asyncio.sleep(after)
    healthy = vendors["oncall/webhook[0]"]
    print(f"{alerts:,} alerts in {arrived - began:.1f} s, {after:.0f} s more waited")
    print(
        f"event loop blocked at most {1000 * max(blocked):.0f} ms; over 250 ms {sum(one > 0.25 for one in blocked)} times"
    )
    of_each = 1024 * (memory_mb() - before) / alerts
    print(f"memory {before:.0f} MB before, {memory_mb():.0f} MB at most: {of_each:.1f} kB an alert")
    if healthy.first is not None:
        print(
            f"first message of the healthy webhook {healthy.first - began - _GROUP_WAIT_SECONDS:.2f} s after it was due"
        )
    for name, vendor in vendors.items():
        said = f"; {vendor.digests[-1]}" if vendor.digests else ""
        print(f"{name}: {vendor.sent:,} taken, {len(vendor.digests)} digests{said}")
    stop.set()
    router.timers.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _timers(router: Router, stop: asyncio.Event) -> None:
    while not stop.is_set():
        router.timers.clear()
        await router.flush_due()
        next_ms = router.next_timer_ms()
        wait = 60.0 if next_ms is None else max(0.001, (next_ms - now_ms()) / 1000)
        try:
            async with asyncio.timeout(wait):
                await router.timers.wait()
        except TimeoutError:
            continue


async def _watch(blocked: list[float]) -> None:
    while True:
        asked = time.monotonic()
        await asyncio.sleep(0.01)
        blocked.append(time.monotonic() - asked - 0.01)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long they come")
    parser.add_argument("--after", type=float, default=60.0, help="how long the run goes on after the last")
    options = parser.parse_args()
    # As the command `driftbell router` does.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.run(storm(options.alerts, options.seconds, options.after))


if __name__ == "__main__":
    main()
