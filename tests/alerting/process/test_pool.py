"""Several requests of one destination at once: a slow vendor, order within an incident, and the vendor's limit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from driftbell.alerting.channels.channel import Rate
from driftbell.alerting.channels.email.email import EmailChannel
from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel
from driftbell.alerting.channels.slack.api import SlackApiChannel
from driftbell.alerting.channels.slack.webhook import SlackWebhookChannel
from driftbell.alerting.channels.webhook.webhook import WebhookChannel
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed
from tests.alerting.rig import Rig, VendorChannel

ROUTE = {"group_by": ["model"], "group_wait": 0, "group_interval": 300}


class Slow(VendorChannel):
    """Answers after a while of real time, and watches what is on its way."""

    seconds = 0.1

    def watch(self) -> None:
        self.now: Counter[str] = Counter()
        self.most = self.most_of_one = 0

    async def send(self, delivery: Delivery) -> Outcome:
        self.now[delivery.incident.id] += 1
        self.most = max(self.most, self.now.total())
        self.most_of_one = max(self.most_of_one, *self.now.values())
        await asyncio.sleep(self.seconds)
        self.now[delivery.incident.id] -= 1
        return await super().send(delivery)


async def rig(in_flight: int, rate: Rate | None = None) -> tuple[Rig, Slow]:
    one = Rig(ROUTE, destinations=["oncall/webhook[0]"])
    channel = Slow(one.clock, in_flight=in_flight, rate=rate)
    channel.watch()
    return await Rig(
        ROUTE, destinations=["oncall/webhook[0]"], channels={"oncall/webhook[0]": channel}
    ).start(), channel


async def work(one: Rig, seconds: float) -> None:
    """Run the senders as the leader does, in real time."""
    stop = asyncio.Event()
    [worker] = one.workers
    tasks = [asyncio.create_task(worker.run(stop)) for _ in range(worker.in_flight)]
    await asyncio.sleep(seconds)
    stop.set()
    await asyncio.gather(*tasks)


async def test_twenty_groups_to_a_slow_webhook_take_three_rounds_and_not_twenty() -> None:
    one, channel = await rig(8)
    for number in range(20):
        await one.fire(f"m{number}")
    await one.router.flush_due()
    started = time.monotonic()
    await work(one, 0.6)

    assert len(channel.arrivals) == 20
    assert time.monotonic() - started < 1.5
    assert (channel.most, channel.most_of_one) == (8, 1)


async def test_a_channel_for_one_request_gets_one_at_a_time() -> None:
    one, channel = await rig(1)
    for number in range(3):
        await one.fire(f"m{number}")
    await one.router.flush_due()
    await work(one, 0.5)

    assert (len(channel.arrivals), channel.most) == (3, 1)


async def test_a_pool_keeps_the_vendors_limit() -> None:
    one, channel = await rig(8, Rate("webhook", 0.001, 3))
    for number in range(20):
        await one.fire(f"m{number}")
    await one.router.flush_due()
    await work(one, 0.5)

    assert len(channel.arrivals) == 3


async def test_a_page_that_was_never_tried_goes_before_a_retry() -> None:
    one = await Rig(ROUTE).start()
    one.vendor.down = failed(OutcomeReason.CONNECTION_FAILED, "down")
    await one.fire("old")
    await one.until(0)
    one.clock.now_ms += 10_000
    one.vendor.down = None
    await one.fire("new")
    await one.until(10)

    assert [page.firing for page in one.vendor.arrivals] == [["old"], ["new"], ["old"]]


@pytest.mark.parametrize(
    ("channel", "most"),
    [(WebhookChannel, 8), (PagerDutyChannel, 4), (EmailChannel, 2), (SlackWebhookChannel, 1), (SlackApiChannel, 1)],
)
def test_how_many_requests_each_kind_of_channel_gets_at_once(channel: type, most: int) -> None:
    assert channel.in_flight == most  # type: ignore[attr-defined]
