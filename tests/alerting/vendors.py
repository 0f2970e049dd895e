"""The three fakes of a whole-router test, and the configuration that pages all three."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

from confluent_kafka import Producer

from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import TOKEN, Slack
from driftbell.fakes.smtp import Smtp
from driftbell.schemas import Alert, encode_alert
from tests.services.ports import claim_port

ROUTING_KEY = "r" * 32


class Vendors:
    """Slack, PagerDuty and a mail server; use as ``async with``."""

    def __init__(self) -> None:
        self.slack = Slack()
        self.pagerduty = PagerDuty()
        self.smtp = Smtp()

    async def __aenter__(self) -> Self:
        for fake in (self.slack, self.pagerduty, self.smtp):
            await fake.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for fake in (self.slack, self.pagerduty, self.smtp):
            await fake.stop()

    def settings(
        self, kafka: dict[str, str], redis: str = "memory://", topic: str = "alerts", **router: Any
    ) -> dict[str, Any]:
        """A configuration as it stands in a file."""
        return {
            "kafka": kafka,
            "redis": {"url": redis},
            "topics": {"alerts": topic},
            "router": {
                "global": {
                    "pagerduty_url": self.pagerduty.url,
                    "slack_bot_token": TOKEN,
                    "smtp_smarthost": self.smtp.address,
                    "smtp_from": "driftbell@example.org",
                    "smtp_require_tls": False,
                },
                "route": {"receiver": "oncall", "group_by": ["model"], "group_wait": 0.05, "group_interval": 0.1},
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
        }


async def publish(kafka: dict[str, str], *alerts: Alert, topic: str = "alerts") -> None:
    """Put records on the alerts topic."""
    await publish_raw(kafka, *((encode_alert(alert), alert.fingerprint) for alert in alerts), topic=topic)


async def publish_raw(kafka: dict[str, str], *records: tuple[bytes | None, str], topic: str = "alerts") -> None:
    """Put any bytes on the alerts topic, each with its key."""
    producer = Producer(kafka | {"partitioner": "murmur2_random"})
    for value, key in records:
        producer.produce(topic, value, key=key)
    assert await asyncio.to_thread(producer.flush, 10) == 0


async def until(condition: Callable[[], object], what: str, timeout_seconds: float = 10) -> None:
    """Wait for something the fakes will see."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds} s: {what}"
        await asyncio.sleep(0.02)
