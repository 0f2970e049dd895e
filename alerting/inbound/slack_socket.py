"""Slack's Socket Mode: buttons come over a connection that we open, so that no port is open to the world.

Contract: docs.slack.dev/apis/events-api/using-socket-mode and docs.slack.dev/reference/methods/apps.connections.open. Each
envelope is answered with its id once it is done, within three seconds, or Slack tells the person that it failed. Slack closes
connections now and then, and announces it with ``disconnect``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random

import aiohttp
import msgspec

from driftbell.alerting.channels.http import HttpResponse, post
from driftbell.alerting.channels.secrets import SecretSource, redact
from driftbell.alerting.errors import SecretError, where_raised
from driftbell.alerting.foreign_json import ForeignJsonError, decode_foreign
from driftbell.alerting.inbound.asked import Commander, NotUnderstoodError
from driftbell.alerting.inbound.routes import MAX_BODY_BYTES, obey
from driftbell.alerting.inbound.slack_actions import asked

log = logging.getLogger(__name__)

#: Slack pings more often than that.
_SILENT_SECONDS = 90.0
#: Between two tries to connect: doubled from the first to the second number, seconds.
_PAUSE_SECONDS = (1.0, 60.0)
#: Envelopes that are worked on at once; more wait on Slack's side.
_AT_ONCE = 16


class _Opened(msgspec.Struct):
    ok: bool = False
    url: str = ""
    error: str = ""


class _Envelope(msgspec.Struct):
    type: str = ""
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    reason: str = ""


class SlackSocket:
    """One connection at a time, opened again whenever it ends.

    Args:
        session: for the connection.
        app_token: ``xapp-``, with the scope ``connections:write``.
        base_url: of the Web API.
        commander: has commands done.
        random: for the pauses between tries.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app_token: SecretSource,
        base_url: str,
        commander: Commander,
        random: Random,
    ) -> None:
        self._session = session
        self._token = app_token
        self._base_url = base_url.rstrip("/")
        self._commander = commander
        self._random = random
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Serve until cancelled. Nothing that Slack or the network does ends it."""
        pause_seconds = _PAUSE_SECONDS[0]
        while True:
            token = ""
            try:
                token = self._token.read()
                if await self._serve(token):
                    pause_seconds = _PAUSE_SECONDS[0]
                    continue
            except (aiohttp.ClientError, OSError, TimeoutError, SecretError, ConnectionError) as error:
                told = redact(f"{type(error).__name__}: {error}", [token] if token else [])
                log.warning("Slack's Socket Mode does not connect", extra={"error": told})
            except Exception as error:  # Without this task no button works, and nothing else says so.
                # Without the error's own text: the address of a connection has a ticket in it.
                log.error("Slack's Socket Mode failed, connecting again", extra={"error": where_raised(error)})
            await asyncio.sleep(pause_seconds * (0.5 + self._random.random() / 2))
            pause_seconds = min(pause_seconds * 2, _PAUSE_SECONDS[1])

    async def _serve(self, token: str) -> bool:
        """Open one connection and serve it to its end. Returns whether it worked."""
        answer = await post(
            self._session,
            f"{self._base_url}/apps.connections.open",
            b"",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"},
            secrets=(token,),
        )
        if not isinstance(answer, HttpResponse):
            raise ConnectionError(answer.detail)
        try:
            opened = decode_foreign(answer.body, _Opened)
        except ForeignJsonError:
            raise ConnectionError(f"HTTP {answer.status} without Slack's JSON") from None
        if not opened.ok:
            raise ConnectionError(f"apps.connections.open: {opened.error[:100]}")
        return await self._listen(opened.url)

    async def _listen(self, url: str) -> bool:
        helped = False
        # The ticket in the address is a secret; nothing of it is logged.
        async with contextlib.AsyncExitStack() as stack:
            try:
                socket = await stack.enter_async_context(
                    self._session.ws_connect(
                        url, max_msg_size=MAX_BODY_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=5.0)
                    )
                )
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise ConnectionError(f"the WebSocket: {type(error).__name__}") from None
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            while True:
                try:
                    message = await socket.receive(timeout=_SILENT_SECONDS)
                except TimeoutError:
                    log.warning("Slack's Socket Mode is silent, connecting again")
                    return helped
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return helped
                envelope = _read(message.data)
                if envelope.type == "hello":
                    helped = True
                    log.info("Slack's Socket Mode is connected")
                elif envelope.type == "disconnect":
                    log.info("Slack ends the connection", extra={"reason": envelope.reason[:100]})
                    return helped
                elif envelope.envelope_id:
                    await self._at_once.acquire()
                    tasks.create_task(self._answer(socket, envelope))

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, envelope: _Envelope) -> None:
        try:
            done = True
            if envelope.type == "interactive":
                try:
                    done = await obey("slack", self._commander, asked(bytes(envelope.payload)))
                except NotUnderstoodError as error:
                    log.warning("a message is refused", extra={"vendor": "slack", "error": str(error)})
            if done:
                with contextlib.suppress(ConnectionError, aiohttp.ClientError, RuntimeError):
                    await socket.send_str(msgspec.json.encode({"envelope_id": envelope.envelope_id}).decode())
        except Exception:
            log.exception("a button failed")
        finally:
            self._at_once.release()


def _read(data: str) -> _Envelope:
    try:
        return decode_foreign(data, _Envelope)
    except ForeignJsonError:
        log.warning("Slack's Socket Mode sent what is no envelope")
        return _Envelope()
