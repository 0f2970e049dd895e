"""Socket Mode against a fake of Slack's side: buttons arrive, connections end, and nothing ends the service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import aiohttp
import pytest

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.slack.buttons import ACKNOWLEDGE, buttons
from driftbell.alerting.inbound import slack_socket
from driftbell.alerting.inbound.slack_socket import SlackSocket
from driftbell.alerting.state.silence import Acknowledge
from driftbell.fakes.faults import Fault
from tests.alerting.channels.deliveries import KEY, delivery
from tests.alerting.inbound.people import APP_TOKEN, SocketMode, pressed
from tests.alerting.inbound.test_routes import Leader


@pytest.fixture
async def slack() -> AsyncIterator[SocketMode]:
    async with SocketMode() as fake:
        yield fake


@contextlib.asynccontextmanager
async def serving(slack: SocketMode, leader: Leader, token: str = APP_TOKEN) -> AsyncIterator[asyncio.Task[None]]:
    # The router's session has a time-out for requests; a connection lives on after it.
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.4)) as session:
        socket = SlackSocket(session, SecretSource("app_token", token), slack.api_url, leader, Random(1))
        task = asyncio.create_task(socket.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def press() -> dict[str, Any]:
    return pressed({"blocks": buttons(delivery())}, ACKNOWLEDGE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_socket, "_PAUSE_SECONDS", (0.01, 0.05))


async def test_a_button_is_done_and_then_answered_also_on_the_next_connection(slack: SocketMode) -> None:
    leader = Leader()
    async with serving(slack, leader):
        await slack.connected()
        await asyncio.sleep(0.6)
        assert await slack.press(press())
        assert len(slack.connections) == 1
        await slack.disconnect()
        await slack.connected(2)
        assert await slack.press(press())
        await slack.connections[-1].close()
        await slack.connected(3)
        assert await slack.press(press())

    assert set(leader.done.values()) == {Acknowledge(target=KEY, by="@ann")}
    assert (len(leader.done), slack.violations) == (3, [])


async def test_what_could_not_be_done_is_not_answered_so_that_slack_says_so(
    slack: SocketMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.alerting.inbound.people.ANSWER_SECONDS", 0.2)
    leader = Leader(away=True)
    async with serving(slack, leader):
        await slack.connected()
        assert not await slack.press(press())
        leader.away = False
        assert await slack.press(press())


async def test_rubbish_and_failures_end_nothing_and_no_secret_is_logged(
    slack: SocketMode, caplog: pytest.LogCaptureFixture
) -> None:
    leader = Leader()
    for fault in (Fault(status=500, body=APP_TOKEN), Fault(status=200, body="no JSON"), Fault(kind="drop")):
        slack.faults.add(fault)
    async with serving(slack, leader) as task:
        await slack.connected()
        socket = slack.connections[-1]
        for text in ("", "[]", '{"type": 5}', '{"envelope_id": "x", "type": "interactive", "payload": [1]}'):
            await socket.send_str(text)
        await socket.send_json({"envelope_id": "y", "type": "interactive", "payload": {"actions": 1}})
        assert await slack.press({"type": "view_submission"})
        assert await slack.press(press())
        assert not task.done()

    assert len(leader.done) == 1
    assert APP_TOKEN not in caplog.text
    assert "ticket" not in caplog.text


async def test_json_nested_beyond_all_depth_ends_nothing(slack: SocketMode) -> None:
    leader, deep = Leader(), "[" * 100_000
    slack.faults.add(Fault(status=200, body='{"ok": true, "more": ' + deep))
    async with serving(slack, leader) as task:
        await slack.connected()
        await slack.connections[-1].send_str('{"type": ' + deep)
        payload = deep + "]" * 100_000
        await slack.connections[-1].send_str('{"envelope_id": "x", "type": "interactive", "payload": ' + payload + "}")
        assert await slack.press(press())
        assert not task.done()

    assert len(leader.done) == 1


async def test_what_nobody_thought_of_ends_a_connection_and_not_the_service(
    slack: SocketMode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors, read = [LookupError(APP_TOKEN)], slack_socket._read

    def raising(data: str) -> Any:
        if errors:
            raise errors.pop()
        return read(data)

    monkeypatch.setattr(slack_socket, "_read", raising)
    async with serving(slack, Leader()) as task:
        await slack.connected(2)
        assert await slack.press(press())
        assert not task.done()

    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "failed, connecting again" in record.message
    assert APP_TOKEN not in str(vars(record))


async def test_a_wrong_token_is_said_and_tried_again(slack: SocketMode, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(slack, Leader(), token="xapp-wrong") as task:
        for _ in range(300):
            if "invalid_auth" in str([vars(record) for record in caplog.records]):
                break
            await asyncio.sleep(0.01)
        assert not task.done()
    assert "invalid_auth" in str([vars(record) for record in caplog.records])
    assert "xapp-wrong" not in str([vars(record) for record in caplog.records])
