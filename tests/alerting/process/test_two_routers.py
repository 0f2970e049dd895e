"""Router processes on Apache Kafka and Redis: one is active, one stands by; killed, frozen, stopped, topics made anew."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from tests.alerting.alerts import make_alert
from tests.alerting.vendors import Vendors, publish, until
from tests.services.fixtures import FreshTopics
from tests.services.http_get import http_get
from tests.services.kafka import KafkaCluster
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ROOT = Path(__file__).parents[3]


class RouterProcess(ServiceProcess):
    """``driftbell router`` with a configuration of its own port."""

    name = "router"

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(folder)
        self.port, self.api = claim_port(), claim_port()
        router = {**settings["router"], "http_port": self.port, "api": {"listen": f"127.0.0.1:{self.api}"}}
        self.config = folder / "driftbell.yaml"
        self.config.write_text(json.dumps({**settings, "router": router}))

    def command(self) -> Sequence[str]:
        # The child runs in its own folder; the source is here.
        return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "driftbell", "router", "--config", str(self.config)]

    def noted(self, integration: str) -> bool:
        """Whether the router has written down that a channel took its page."""
        _, text = http_get(f"http://127.0.0.1:{self.port}/metrics")
        return f'notifications_total{{integration="{integration}",kind="trigger"}} 1.0' in text

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode if self._process else None

    def answers(self) -> bool:
        return self.state() in ("leader", "standby")

    def state(self) -> str:
        """What /readyz gives as its reason; empty when there is no answer."""
        status, body = http_get(f"http://127.0.0.1:{self.port}/readyz")
        return str(json.loads(body)["reason"]) if status == 200 else ""


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


class Pair:
    """Two routers of one group, the first of them active."""

    def __init__(self, folder: Path, vendors: Vendors, kafka: KafkaCluster, redis: str, topic: str) -> None:
        self.kafka, self.vendors, self.topic = kafka.settings, vendors, topic
        group = f"router-{topic}"
        settings = vendors.settings(kafka.settings, redis, topic, group=group)
        self.first = RouterProcess(folder / "first", settings)
        self.second = RouterProcess(folder / "second", settings)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.first.start)
        assert self.first.state() == "leader"
        await asyncio.to_thread(self.second.start)
        # The one that is active stays so when another comes.
        await until(lambda: (self.first.state(), self.second.state()) == ("leader", "standby"), "roles", 20)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for process in (self.first, self.second):
            if process.running:
                process.resume()
                await asyncio.to_thread(process.stop)

    async def call(self, process: RouterProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request to the API of a router."""
        url = f"http://127.0.0.1:{process.api}/api/v2{path}"
        async with aiohttp.ClientSession() as http, http.request(method, url, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def publish(self, *alerts: Any) -> None:
        await publish(self.kafka, *alerts, topic=self.topic)

    async def until_active(self, process: RouterProcess) -> float:
        begun = time.monotonic()
        await until(lambda: process.state() == "leader", "the other takes over", 40)
        return time.monotonic() - begun


@pytest.fixture
async def pair(
    tmp_path: Path, vendors: Vendors, kafka: KafkaCluster, redis_url: str, fresh_topics: FreshTopics
) -> AsyncIterator[Pair]:
    async with Pair(tmp_path, vendors, kafka, redis_url, fresh_topics(3).alerts) as made:
        yield made


def alerts_of(model: str, now_ms: int) -> tuple[Any, Any]:
    labels = {"model": model}
    return (
        make_alert(at_ms=now_ms, labels=labels),
        make_alert("resolved", at_ms=now_ms + 1000, started_ms=now_ms, labels=labels),
    )


async def test_a_killed_router_is_replaced_and_nothing_is_lost_or_left_open(pair: Pair) -> None:
    now_ms = int(time.time() * 1000)
    fired, over = alerts_of("fraud", now_ms)
    later, later_over = alerts_of("churn", now_ms)
    await pair.publish(fired)
    await until(lambda: pair.first.noted("pagerduty"), "the first page, and its note")
    await asyncio.to_thread(pair.first.kill)
    await pair.publish(over, later)
    await pair.until_active(pair.second)
    await until(lambda: len(pair.vendors.pagerduty.incidents) == 2, "the second page")
    await until(lambda: len(pair.vendors.pagerduty.open) == 1, "the first is closed")
    await pair.publish(later_over)
    await until(lambda: not pair.vendors.pagerduty.open, "all is closed")

    assert [incident.triggers for incident in pair.vendors.pagerduty.incidents] == [1, 1]
    assert "dropped" not in [event.effect for event in pair.vendors.pagerduty.events]


async def test_what_others_posted_outlives_the_router_that_took_it(pair: Pair) -> None:
    alert = {"labels": {"alertname": "Load", "model": "host", "severity": "critical"}}
    # Handed by the one that stands by to the one that leads; 200 means that it is saved.
    assert (await pair.call(pair.second, "POST", "/alerts", [alert]))[0] == 200
    await asyncio.to_thread(pair.first.kill)
    _, shown = await pair.call(pair.second, "GET", "/alerts")
    assert [one["labels"] for one in shown] == [alert["labels"]]
    await pair.until_active(pair.second)
    await until(lambda: pair.vendors.pagerduty.open, "the page")
    over = {**alert, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:01Z"}
    assert (await pair.call(pair.second, "POST", "/alerts", [over]))[0] == 200
    await until(lambda: not pair.vendors.pagerduty.open, "its close")
    assert len(pair.vendors.pagerduty.incidents) == 1


async def test_a_router_that_is_stopped_hands_over_at_once(pair: Pair) -> None:
    await asyncio.to_thread(pair.first.stop)
    took = await pair.until_active(pair.second)
    fired, _ = alerts_of("fraud", int(time.time() * 1000))
    await pair.publish(fired)
    await until(lambda: pair.vendors.pagerduty.open, "the page")

    assert pair.first.exit_code == 0
    assert took < 6


async def test_a_frozen_router_that_wakes_up_sends_nothing(pair: Pair) -> None:
    now_ms = int(time.time() * 1000)
    fired, over = alerts_of("fraud", now_ms)
    later, later_over = alerts_of("churn", now_ms)
    await pair.publish(fired)
    # A router that is stopped between sending and noting may leave one page to be sent again; not here.
    await until(lambda: pair.first.noted("pagerduty"), "the first page, and its note")
    pair.first.pause()
    await pair.until_active(pair.second)
    await pair.publish(over, later)
    await until(lambda: len(pair.vendors.pagerduty.incidents) == 2, "the second page")
    pair.first.resume()
    await until(lambda: pair.first.state() == "standby", "the first stands by", 30)
    await pair.publish(later_over)
    await until(lambda: not pair.vendors.pagerduty.open, "all is closed")

    assert [incident.triggers for incident in pair.vendors.pagerduty.incidents] == [1, 1]
    assert [event.effect for event in pair.vendors.pagerduty.events].count("resolved") == 2
    assert pair.second.state() == "leader"


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    pair: Pair, kafka: KafkaCluster, tmp_path: Path
) -> None:
    now_ms = int(time.time() * 1000)
    first, _ = alerts_of("fraud", now_ms)
    await pair.publish(first, *(alerts_of(f"m{number}", now_ms)[0] for number in range(20)))
    await until(lambda: len(pair.vendors.pagerduty.incidents) == 21, "the pages")
    await asyncio.to_thread(pair.second.stop)
    await asyncio.to_thread(pair.first.stop)
    await asyncio.to_thread(kafka.delete_topics, [pair.topic])
    await asyncio.to_thread(kafka.create_topics, [pair.topic], 3)
    later, _ = alerts_of("churn", now_ms)
    await pair.publish(later)
    await asyncio.to_thread(pair.first.start)
    await until(lambda: len(pair.vendors.pagerduty.incidents) == 22, "the page from the new topic")

    assert "does not have the saved offset" in pair.first.log.read_text()
