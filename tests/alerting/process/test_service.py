"""The whole router process: records on a topic in, pages at the vendors out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from confluent_kafka import Consumer, TopicPartition

from driftbell.alerting.channels import registry
from driftbell.alerting.channels.registry import LOG_ONLY, MODEL
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.process import service
from driftbell.alerting.process.consumer import AlertsConsumer
from driftbell.alerting.process.reloading.effective import effective
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.store import Table
from driftbell.fakes.slack import TOKEN
from driftbell.runtime.config.model import Config, Redis
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.redis import connect
from tests.alerting.alerts import make_alert
from tests.alerting.vendors import ROUTING_KEY, Vendors, publish, publish_raw, until
from tests.services.embedded import EmbeddedBroker
from tests.services.ports import claim_port
from tests.services.redis import RedisServer


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


def configured(settings: dict[str, Any]) -> Config:
    return msgspec.convert(settings, MODEL.config)


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


async def eventually(http: aiohttp.ClientSession, status: int) -> str:
    """The reason that /readyz gives once it answers with this status."""
    body: dict[str, Any] = {}
    for _ in range(100):
        async with http.get("/readyz") as answer:
            body = await answer.json()
            if answer.status == status:
                return str(body["reason"])
        await asyncio.sleep(0.1)
    raise AssertionError(f"/readyz still says {body}")


@pytest.mark.slow
async def test_an_alert_pages_all_channels_and_its_end_closes_all(
    vendors: Vendors, embedded_broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="driftbell.alerting")
    now_ms = int(time.time() * 1000)
    async with running(configured(vendors.settings(embedded_broker.settings))):
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

    logged = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "delivered" in logged and "group flushed" in logged
    assert TOKEN not in logged and ROUTING_KEY not in logged


@pytest.mark.slow
async def test_health_and_metrics_are_served(vendors: Vendors, embedded_broker: EmbeddedBroker) -> None:
    config = configured(vendors.settings(embedded_broker.settings))
    async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
        async with http.get("/readyz") as ready:
            assert ready.status == 200
            assert (await ready.json())["reason"] == "leader"
        async with http.get("/metrics") as metrics:
            text = await metrics.text()

    assert 'driftbell_router_notifications_total{integration="pagerduty",kind="trigger"} 0.0' in text
    assert "driftbell_router_leader 1.0" in text


@pytest.mark.slow
async def test_a_router_without_brokers_is_not_ready_and_recovers(
    vendors: Vendors,
    embedded_broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(service, "_PROBE_SECONDS", 0.1)
    monkeypatch.setattr(service, "_SILENT_SECONDS", 1.0)
    asked = AlertsConsumer.brokers_answer
    away = False

    async def answers(self: AlertsConsumer) -> bool:
        return not away and await asked(self)

    monkeypatch.setattr(AlertsConsumer, "brokers_answer", answers)
    config = configured(vendors.settings(embedded_broker.settings))
    url = f"http://127.0.0.1:{config.router.http_port}/readyz"

    async def reason() -> str:
        async with session.get(url) as answer:
            return f"{answer.status} {(await answer.json())['reason']}"

    async with running(config), aiohttp.ClientSession() as session:
        await asyncio.sleep(1.5)
        assert await reason() == "200 leader", "a broker that answers is heard, also where nothing is read"
        away = True
        await asyncio.sleep(1.5)
        assert await reason() == "503 kafka_unavailable"
        away = False
        await asyncio.sleep(0.5)
        assert await reason() == "200 leader"
    assert caplog.text.count("Kafka is away since") == 1
    assert caplog.text.count("Kafka is back after") == 1


@pytest.mark.slow
async def test_a_router_without_its_topic_is_not_ready_says_the_fix_and_recovers(
    vendors: Vendors,
    embedded_broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service, "_PROBE_SECONDS", 0.2)
    known = ClusterMetadata.partitions_for_topic
    created = False

    def partitions_for_topic(self: ClusterMetadata, topic: str) -> set[int] | None:
        # The embedded broker makes a topic as soon as somebody asks for it, so what aiokafka learns of it is held back.
        return known(self, topic) if created or topic != "alerts" else None

    monkeypatch.setattr(ClusterMetadata, "partitions_for_topic", partitions_for_topic)
    config = configured(vendors.settings(embedded_broker.settings))
    assert config.topics.alerts == "alerts"
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(service.run(config, stop=stop, on_ready=ready.set))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
        await until(lambda: "no topic alerts" in caplog.text, "the log says what is missing")
        assert await eventually(http, 503) == "topic_missing"
        async with http.get("/readyz") as answer:
            assert "driftbell topics create" in (await answer.json())["detail"]
        assert not ready.is_set()
        assert caplog.text.count("no topic alerts") == 1

        created = True
        assert await eventually(http, 200) == "leader"
        assert ready.is_set()
    stop.set()
    async with asyncio.timeout(20):
        await task


@pytest.mark.slow
async def test_bad_records_are_counted_and_do_not_stop_the_next(
    vendors: Vendors, embedded_broker: EmbeddedBroker
) -> None:
    config = configured(vendors.settings(embedded_broker.settings))
    now_ms = int(time.time() * 1000)
    bad = [(b"not json", "k"), (None, "k"), (b"{}", "k"), (b"\x00\x00\x00\x00\x01x", "k")]
    async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
        await publish_raw(embedded_broker.settings, *bad)
        await publish(embedded_broker.settings, make_alert(at_ms=now_ms, startsAt="soon"), make_alert(at_ms=now_ms))
        await until(lambda: vendors.pagerduty.open, "the page")
        async with http.get("/metrics") as metrics:
            text = await metrics.text()

    assert 'driftbell_router_records_total{result="bad_record"} 5.0' in text


@pytest.mark.slow
async def test_a_question_about_a_partition_that_is_taken_away_ends_nothing(
    vendors: Vendors, embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = AlertsConsumer.position
    asked = 0

    async def taken_away_at_first(consumer: AlertsConsumer, partition: int) -> int:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise IllegalStateError("no current assignment for partition")
        return await position(consumer, partition)

    monkeypatch.setattr(AlertsConsumer, "position", taken_away_at_first)
    await publish(embedded_broker.settings, make_alert(at_ms=int(time.time() * 1000)))
    async with running(configured(vendors.settings(embedded_broker.settings))):
        await until(lambda: vendors.pagerduty.open, "the page")

    assert asked > 1


@pytest.mark.slow
async def test_a_restart_neither_repeats_nor_forgets(
    vendors: Vendors, embedded_broker: EmbeddedBroker, redis_url: str
) -> None:
    config = configured(vendors.settings(embedded_broker.settings, redis_url))
    now_ms = int(time.time() * 1000)
    async with running(config):
        await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
        await until(lambda: vendors.pagerduty.open and vendors.slack.roots and vendors.smtp.mails, "pages")
    await publish(embedded_broker.settings, make_alert("resolved", at_ms=now_ms + 1000, started_ms=now_ms))
    async with running(config):
        await until(lambda: not vendors.pagerduty.open, "the close")
        await until(lambda: len(vendors.smtp.mails) == 2, "the second mail")
        await until(lambda: vendors.slack.roots[0].edits == 1, "the edit")

    [incident] = vendors.pagerduty.incidents
    assert incident.triggers == 1
    assert [event.effect for event in vendors.pagerduty.events] == ["triggered", "resolved"]


@pytest.mark.slow
async def test_nobody_is_paged_for_what_was_over_before_the_router_came(
    vendors: Vendors, embedded_broker: EmbeddedBroker
) -> None:
    now_ms = int(time.time() * 1000)
    past = []
    for number in range(300):
        labels = {"model": f"m{number}"}
        past.append(make_alert(at_ms=now_ms - 9_000_000, labels=labels))
        past.append(make_alert("resolved", at_ms=now_ms - 8_000_000, started_ms=now_ms - 9_000_000, labels=labels))
    await publish(embedded_broker.settings, *past, make_alert(at_ms=now_ms - 9_000_000))
    async with running(configured(vendors.settings(embedded_broker.settings))):
        await until(lambda: vendors.pagerduty.open, "the page that is due")
        await asyncio.sleep(0.3)

    assert [incident.summary for incident in vendors.pagerduty.incidents] == [
        "CRITICAL error rate of fraud v3 rose from 4.1 % to 9.8 %"
    ]


@pytest.mark.slow
async def test_redis_may_go_away_and_come_back(
    vendors: Vendors, embedded_broker: EmbeddedBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now_ms = int(time.time() * 1000)
    with RedisServer(tmp_path) as server:
        config = configured(vendors.settings(embedded_broker.settings, server.url))
        async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
            await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
            await until(lambda: vendors.pagerduty.open, "the first page")
            await asyncio.to_thread(server.kill)
            await publish(
                embedded_broker.settings,
                make_alert("resolved", at_ms=now_ms + 500, started_ms=now_ms),
                make_alert(at_ms=now_ms + 700, labels={"model": "churn"}),
            )
            assert await eventually(http, 503) == "store_unavailable"
            assert len(vendors.pagerduty.events) == 1
            await asyncio.to_thread(server.start)
            await until(lambda: len(vendors.pagerduty.incidents) == 2, "the second page")
            await until(lambda: len(vendors.pagerduty.open) == 1, "the first is closed")
            assert await eventually(http, 200) == "leader"

    assert [event.effect for event in vendors.pagerduty.events].count("triggered") == 2
    assert caplog.text.count("the router's store is away since") == 1
    assert caplog.text.count("the router's store is back after") == 1
    assert "reading stops" not in caplog.text, "one line, not one a second"


@pytest.mark.slow
async def test_a_stop_finishes_what_is_being_sent(vendors: Vendors, embedded_broker: EmbeddedBroker) -> None:
    now_ms = int(time.time() * 1000)
    slow = asyncio.Event()
    original = vendors.pagerduty._enqueue

    async def enqueue(request: Any) -> Any:
        slow.set()
        await asyncio.sleep(1)
        return await original(request)

    vendors.pagerduty._enqueue = enqueue  # type: ignore[method-assign]
    await vendors.pagerduty.stop()
    await vendors.pagerduty.start()
    config = configured(vendors.settings(embedded_broker.settings))
    async with running(config) as stop:
        await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
        await asyncio.wait_for(slow.wait(), 10)
        stop.set()

    assert len(vendors.pagerduty.open) == 1


@pytest.mark.slow
async def test_without_a_configuration_pages_go_to_the_log(
    embedded_broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = {"kafka": embedded_broker.settings, "redis": {"url": "memory://"}, "router": {"http_port": None}}
    async with running(configured(settings)):
        await publish(embedded_broker.settings, make_alert(at_ms=int(time.time() * 1000) - 60_000))
        await until(lambda: any(record.name == "driftbell.message" for record in caplog.records), "the page in the log")


def test_without_receivers_the_other_settings_hold_all_the_same() -> None:
    made = effective(RouterConfig(http_host="0.0.0.0", http_port=9000, shutdown_grace=5.0))  # noqa: S104 - never bound

    assert (made.http_host, made.http_port, made.shutdown_grace) == ("0.0.0.0", 9000, 5.0)  # noqa: S104
    assert (made.route, made.receivers) == (LOG_ONLY.route, LOG_ONLY.receivers)


@pytest.mark.slow
async def test_kafka_is_shown_the_progress_and_the_store_a_sign_of_life(
    vendors: Vendors,
    embedded_broker: EmbeddedBroker,
    redis_url: str,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("driftbell.alerting.process.leader._COMMIT_SECONDS", 0.1)
    monkeypatch.setattr("driftbell.alerting.process.leader.HEARTBEAT_SECONDS", 0.1)
    config = configured(vendors.settings(embedded_broker.settings, redis_url))
    alert = make_alert(at_ms=int(time.time() * 1000))
    with redis_server.client() as client:

        def saved_ms() -> int:
            return int(client.hget("{driftbell-router:driftbell-router}:meta", "saved_ms") or 0)

        async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
            await publish(embedded_broker.settings, alert, alert, alert)
            await until(lambda: vendors.pagerduty.open, "the page")
            await asyncio.sleep(0.5)
            before = saved_ms()
            await until(lambda: saved_ms() > before, "a sign of life")
            async with http.get("/metrics") as metrics:
                text = await metrics.text()

    assert any(line.startswith("driftbell_router_lag_records{") and line.endswith(" 0.0") for line in text.splitlines())
    consumer = Consumer(embedded_broker.settings | {"group.id": "driftbell-router"})
    committed = consumer.committed([TopicPartition("alerts", partition) for partition in range(4)], timeout=10)
    consumer.close()
    assert sum(max(0, partition.offset) for partition in committed) == 3


@pytest.mark.slow
async def test_a_router_whose_state_another_has_taken_sends_nothing(
    vendors: Vendors, embedded_broker: EmbeddedBroker, redis_url: str
) -> None:
    config = configured(vendors.settings(embedded_broker.settings, redis_url))
    thief = RedisStore(connect(Redis(url=redis_url)), service.group_of(config))
    async with running(config), aiohttp.ClientSession(f"http://127.0.0.1:{config.router.http_port}") as http:
        await thief.claim(1_000_000)
        await publish(embedded_broker.settings, make_alert(at_ms=int(time.time() * 1000)))
        assert await eventually(http, 503) in ("not_claimed", "rebalancing")
        await asyncio.sleep(0.5)
        tables = await thief.claim(1_000_000)
    await thief.close()

    assert vendors.pagerduty.events == [] and vendors.smtp.mails == []
    assert tables[Table.ENTRIES] == {}


async def test_without_a_broker_the_start_fails_and_leaves_nothing_behind(vendors: Vendors) -> None:
    config = configured(vendors.settings({"bootstrap.servers": f"127.0.0.1:{claim_port()}"}))
    with pytest.raises(KafkaConnectionError):
        await service.run(config, stop=asyncio.Event())


async def test_every_channel_is_closed_when_the_router_ends(vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    build = registry.build

    def recording(router: RouterConfig, session: aiohttp.ClientSession) -> list[registry.Endpoint]:
        endpoints = build(router, session)
        for endpoint in endpoints:

            async def close(name: str = endpoint.destination.label) -> None:
                assert not session.closed
                closed.append(name)

            monkeypatch.setattr(endpoint.channel, "close", close)
        return endpoints

    monkeypatch.setattr(service, "build", recording)
    config = configured(vendors.settings({"bootstrap.servers": f"127.0.0.1:{claim_port()}"}))
    with pytest.raises(KafkaConnectionError):
        await service.run(config, stop=asyncio.Event())

    assert sorted(closed) == ["oncall/email[0]", "oncall/pagerduty[0]", "oncall/slack[0]"]


@pytest.mark.parametrize(
    ("router", "message"),
    [
        ({"route": {"receiver": "nobody"}}, "receiver 'nobody' is not defined"),
        (
            {"receivers": [{"name": "oncall", "pagerduty_configs": [{"routing_key_env": "NOT_SET_ANYWHERE"}]}]},
            "NOT_SET",
        ),
        ({"receivers": [{"name": "oncall", "pagerduty_configs": [{"routing_key_file": "/not/there"}]}]}, "/not/there"),
        (
            {"receivers": [{"name": "oncall", "slack_configs": [{"api_url": "http://x/y", "title": "{{ .Go }}"}]}]},
            "Go's template language",
        ),
        (
            {
                "receivers": [
                    {"name": "oncall", "email_configs": [{"to": "nobody", "from": "a@b.c", "smarthost": "h:25"}]}
                ]
            },
            "nobody",
        ),
    ],
)
async def test_what_cannot_work_stops_the_start_with_its_place(
    vendors: Vendors, router: dict[str, Any], message: str
) -> None:
    config = configured(vendors.settings({"bootstrap.servers": "127.0.0.1:1"}, **router))
    with pytest.raises(RefusedError, match=message):
        await service.run(config, stop=asyncio.Event())
