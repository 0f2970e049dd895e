"""The whole router process: records on a topic in, pages at the vendors out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from confluent_kafka import Producer

from alerting import service
from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import TOKEN, Slack
from driftbell.fakes.smtp import Smtp
from runtime.config import Config
from schemas import Alert, encode_alert
from tests.alerting.alerts import make_alert
from tests.services.embedded import EmbeddedBroker
from tests.services.ports import claim_port

ROUTING_KEY = "r" * 32


class Vendors:
    """The three fakes, started."""

    def __init__(self) -> None:
        self.slack = Slack()
        self.pagerduty = PagerDuty()
        self.smtp = Smtp()

    def config(self, kafka: dict[str, str], **router: Any) -> Config:
        """A configuration that pages all three."""
        return msgspec.convert(
            {
                "kafka": kafka,
                "redis": {"url": "memory://"},
                "router": {
                    "global": {
                        "pagerduty_url": self.pagerduty.url,
                        "slack_bot_token": TOKEN,
                        "smtp_smarthost": self.smtp.address,
                        "smtp_from": "driftbell@example.org",
                        "smtp_require_tls": False,
                    },
                    "route": {
                        "receiver": "oncall",
                        "group_by": ["model"],
                        "group_wait": 0.05,
                        "group_interval": 0.1,
                    },
                    "receivers": [
                        {
                            "name": "oncall",
                            "pagerduty_configs": [{"routing_key": ROUTING_KEY}],
                            "slack_configs": [{"channel": "C0123456789", "web_api_url": self.slack.api_url}],
                            "email_configs": [{"to": "oncall@example.org"}],
                        }
                    ],
                    "http_port": claim_port(),
                    "session_timeout": 6.0,
                    **router,
                },
            },
            Config,
        )


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    found = Vendors()
    async with found.slack, found.pagerduty, found.smtp:
        yield found


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[asyncio.Event]:
    """The router, until the block is left; it must end cleanly."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(service.run(config, stop=stop, on_ready=ready.set))
    try:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([task, waiting], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        assert ready.is_set(), "the router did not get ready"
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task


async def publish(settings: dict[str, str], *alerts: Alert, topic: str = "alerts") -> None:
    """Put records on the alerts topic."""
    producer = Producer(settings | {"partitioner": "murmur2_random"})
    for alert in alerts:
        producer.produce(topic, encode_alert(alert), key=alert.fingerprint)
    assert await asyncio.to_thread(producer.flush, 10) == 0


async def until(condition: Callable[[], object], what: str, timeout_s: float = 10) -> None:
    """Wait for something the fakes will see."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)


async def test_an_alert_pages_all_channels_and_its_end_closes_all(
    vendors: Vendors, embedded_broker: EmbeddedBroker
) -> None:
    now_ms = int(time.time() * 1000)
    async with running(vendors.config(embedded_broker.settings)):
        await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
        await until(lambda: vendors.pagerduty.open and vendors.slack.roots and vendors.smtp.mails, "pages")

        [incident] = vendors.pagerduty.incidents
        [message] = vendors.slack.roots
        [mail] = vendors.smtp.mails
        for text in (incident.summary, message.everything, str(mail.message["Subject"])):
            assert "error rate of fraud v3 rose from 4.1 % to 9.8 %" in text

        await publish(embedded_broker.settings, make_alert("resolved", at_ms=now_ms + 754_000, started_ms=now_ms))
        await until(lambda: not vendors.pagerduty.open, "PagerDuty's incident is closed")
        await until(lambda: vendors.slack.replies(message), "Slack's thread says so")
        await until(lambda: len(vendors.smtp.mails) == 2, "the second mail")

        assert message.edits == 1 and "resolved after 12 min" in message.everything
        [reply] = vendors.slack.replies(message)
        assert reply.broadcast and "resolved after 12 min" in reply.text
        assert vendors.smtp.mails[1].thread == mail.thread
        assert "resolved after 12 min" in vendors.smtp.mails[1].text
        assert vendors.smtp.violations == []


async def test_health_and_metrics_are_served(vendors: Vendors, embedded_broker: EmbeddedBroker) -> None:
    config = vendors.config(embedded_broker.settings)
    async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
        async with http.get("/readyz") as ready:
            assert ready.status == 200
            assert (await ready.json())["reason"] == "active"
        async with http.get("/metrics") as metrics:
            text = await metrics.text()

    assert 'driftbell_router_notifications_total{integration="pagerduty",kind="trigger"} 0.0' in text
    assert "driftbell_router_active 1.0" in text
