"""The whole router process: its heartbeat comes while messages go out, and stays away while one waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from driftbell.fakes.faults import Fault
from tests.alerting.alerts import make_alert
from tests.alerting.heartbeat.test_heartbeat import Switch
from tests.alerting.process.test_service import configured, running
from tests.alerting.vendors import Vendors, publish, until
from tests.services.embedded import EmbeddedBroker


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


@pytest.mark.slow
async def test_it_stays_away_while_a_message_waits_and_comes_again(
    vendors: Vendors, embedded_broker: EmbeddedBroker, redis_url: str
) -> None:
    async with Switch() as switch:
        beats = {"url": f"{switch.address}/ping", "every": 1.0, "max_queue_age": 1.0}
        settings = vendors.settings(embedded_broker.settings, redis=redis_url, heartbeat=beats)
        async with running(configured(settings)):
            await until(lambda: len(switch.bodies) >= 2, "two beats")
            vendors.slack.faults.add(Fault(status=500), 1000)
            # A warning is not opened elsewhere: it waits for its channel.
            await publish(
                embedded_broker.settings,
                make_alert(at_ms=int(time.time() * 1000), labels={"model": "m", "severity": "warning"}),
            )
            await until(lambda: vendors.pagerduty.open, "the page")
            await asyncio.sleep(2.5)
            silent = len(switch.bodies)
            await asyncio.sleep(2.2)
            assert len(switch.bodies) == silent, "a message waits for Slack"
            vendors.slack.faults.clear()
            await until(lambda: len(switch.bodies) > silent, "beats again", 60)
