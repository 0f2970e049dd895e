"""The heartbeat is sent while the router does its work, and stays away, with a reason, when it does not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.registry import MODEL, Endpoint, build
from driftbell.alerting.heartbeat.heartbeat import Heartbeat
from driftbell.alerting.heartbeat.vitals import MAX_BEHIND_MS, Vital, Vitals, judge, oldest_of
from driftbell.alerting.outbox.delivery_queue import enqueue_firing, new_queue
from driftbell.alerting.rendering.sample import SAMPLE
from driftbell.fakes.faults import Fault
from driftbell.fakes.server import FakeServer
from driftbell.runtime.config.loader import ConfigError, load
from driftbell.runtime.config.router_heartbeat import HeartbeatConfig

NOW = 1_700_000_000_000
AGE = 300_000


class Switch(FakeServer):
    """A dead man's switch: takes any POST."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/{path:.*}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        _, reply = await self.fault(request)
        if reply is not None:
            return reply
        self.bodies.append(await request.json())
        return web.Response(text="OK")


def router_of(router: dict[str, Any], folder: Path) -> Any:
    """The router's part of a file that is loaded as every start loads it."""
    file = folder / "driftbell.yaml"
    file.write_text(json.dumps({"router": router}))
    return load(file, env={}, model=MODEL).router


def well(**changed: Any) -> Vitals:
    return replace(Vitals(leads=True, trouble="", even_ms=NOW, oldest_ms=None, now_ms=NOW), **changed)


@pytest.mark.parametrize(
    ("vitals", "verdict"),
    [
        (well(), Vital.WELL),
        (well(leads=False), Vital.NOT_LEADING),
        (well(trouble="store_unavailable: no answer"), Vital.NOT_READY),
        (well(even_ms=NOW - MAX_BEHIND_MS), Vital.WELL),
        (well(even_ms=NOW - MAX_BEHIND_MS - 1), Vital.BEHIND),
        (well(even_ms=0), Vital.BEHIND),
        (well(oldest_ms=NOW - AGE), Vital.WELL),
        (well(oldest_ms=NOW - AGE - 1), Vital.QUEUE_OLD),
    ],
)
def test_what_keeps_the_heartbeat_away(vitals: Vitals, verdict: Vital) -> None:
    found, why = judge(vitals, AGE)

    assert found is verdict
    assert bool(why) is (verdict not in (Vital.WELL, Vital.NOT_LEADING))


def test_a_close_that_is_refused_for_days_does_not_keep_it_away() -> None:
    queue = new_queue("g", "d")
    enqueue_firing(queue, SAMPLE.notification, "subject", NOW)
    assert oldest_of([queue]) == NOW

    queue.rows[0].refused = True
    assert oldest_of([queue]) is None


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    async with Switch() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session(total_seconds=0.5) as found:
        yield found


class Beating:
    """A heartbeat with vitals that a test sets."""

    def __init__(self, settings: HeartbeatConfig, session: aiohttp.ClientSession, *endpoints: Endpoint) -> None:
        self.vitals = well()
        self.counted: list[str] = []
        self.heartbeat = Heartbeat(settings, session, lambda: endpoints, lambda: self.vitals, self.counted.append)


async def test_it_reaches_the_url_while_all_is_well(switch: Switch, session: aiohttp.ClientSession) -> None:
    beating = Beating(HeartbeatConfig(url=f"{switch.address}/ping/secret-of-the-switch"), session)
    await beating.heartbeat.beat()
    beating.vitals = well(trouble="kafka_unavailable: no broker")
    await beating.heartbeat.beat()
    beating.vitals = well()
    await beating.heartbeat.beat()

    assert [body["status"] for body in switch.bodies] == ["ok", "ok"]
    assert beating.counted == ["sent", "not_ready", "sent"]


@pytest.mark.parametrize(
    "fault", [Fault(status=404, body="no such check secret-of-the-switch"), Fault("drop"), Fault("hang")]
)
async def test_a_switch_that_fails_is_logged_without_its_secret_and_asked_again(
    fault: Fault, switch: Switch, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    beating = Beating(HeartbeatConfig(url=f"{switch.address}/ping/secret-of-the-switch"), session)
    switch.faults.add(fault)
    await beating.heartbeat.beat()
    await beating.heartbeat.beat()

    assert len(switch.bodies) == 1
    assert beating.counted[1] == "sent"
    [record] = [one for one in caplog.records if one.msg == "a heartbeat was not taken"]
    assert "secret-of-the-switch" not in str(record.__dict__)


async def test_it_says_why_once_and_that_it_is_back(
    switch: Switch, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    beating = Beating(HeartbeatConfig(url=switch.address), session)
    for vitals in (well(), well(oldest_ms=1), well(oldest_ms=1), well()):
        beating.vitals = vitals
        await beating.heartbeat.beat()

    assert [one.msg for one in caplog.records] == ["no heartbeat is sent", "the heartbeat is sent again"]


async def test_a_receiver_hears_it_as_an_alert_that_always_fires(
    switch: Switch, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    router = router_of(
        {
            "route": {"receiver": "switch"},
            "receivers": [{"name": "switch", "webhook_configs": [{"url": f"{switch.address}/hook"}]}],
            "heartbeat": {"receiver": "switch"},
        },
        tmp_path,
    )
    beating = Beating(router.heartbeat, session, *build(router, session))
    await beating.heartbeat.beat()
    await beating.heartbeat.beat()

    first, second = switch.bodies
    assert (first["status"], first["alerts"][0]["labels"]["alertname"]) == ("firing", "DriftbellHeartbeat")
    assert first["groupKey"] == second["groupKey"]


async def test_it_beats_as_often_as_it_is_told(switch: Switch, session: aiohttp.ClientSession) -> None:
    beating = Beating(HeartbeatConfig(url=switch.address, every=0.05), session)
    task = asyncio.create_task(beating.heartbeat.run())
    await asyncio.sleep(0.4)
    task.cancel()

    assert 3 <= len(switch.bodies) <= 9


@pytest.mark.parametrize(
    ("heartbeat", "said"),
    [
        ({"receiver": "nobody"}, "there is no receiver 'nobody'"),
        ({"receiver": "oncall"}, "people would get a message at every beat"),
        ({"url": "ftp://x"}, "http"),
        ({"url": "http://x", "url_env": "Y"}, "url"),
        ({"url": "http://x", "every": "10ms"}, "more than once a second"),
    ],
)
def test_what_cannot_work_is_refused(heartbeat: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        router_of(
            {
                "route": {"receiver": "oncall"},
                "receivers": [{"name": "oncall", "email_configs": [{"to": "a@example.org"}]}],
                "global": {"smtp_smarthost": "localhost:25", "smtp_from": "d@example.org"},
                "heartbeat": heartbeat,
            },
            tmp_path,
        )


def test_the_settings_have_a_default_that_sends_nothing() -> None:
    assert not MODEL.router().heartbeat.is_on
