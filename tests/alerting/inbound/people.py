"""Fakes of what Slack and PagerDuty send when a person does something there, as their contracts have it.

Contracts: docs.slack.dev/apis/events-api/using-socket-mode, reference/interaction-payloads/block_actions-payload and
authentication/verifying-requests-from-slack; developer.pagerduty.com/docs/webhooks-overview and
/docs/verifying-webhook-signatures.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import WSMsgType, web
from slack_sdk.signature import SignatureVerifier

from driftbell.fakes.server import FakeServer
from driftbell.fakes.slack import SlackMessage

APP_TOKEN = "xapp-1-A0-SECRETAPPTOKEN"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
#: Slack tells a person that a button failed when its envelope is not answered in time.
ANSWER_SECONDS = 3.0

_numbers = itertools.count(1)


def pressed(message: SlackMessage | dict[str, Any], action_id: str, user: str = "ann") -> dict[str, Any]:
    """The payload of a button of a message; a button that the message does not have cannot be pressed."""
    blocks = message.blocks if isinstance(message, SlackMessage) else message["blocks"]
    buttons = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    [button] = [one for one in buttons if one["action_id"] == action_id]
    return {
        "type": "block_actions",
        "api_app_id": "A0123456789",
        "team": {"id": "T0123456789", "domain": "example"},
        "user": {"id": "U0123456789", "username": user, "name": user, "team_id": "T0123456789"},
        "container": {"type": "message", "channel_id": "C0123456789", "is_ephemeral": False},
        "trigger_id": f"{next(_numbers)}.13345224609.738474920b8b",
        "response_url": "https://hooks.slack.com/actions/T0123456789/1/x",
        "actions": [{**button, "block_id": "driftbell", "action_ts": f"{time.time():.6f}"}],
    }


def slack_request(
    payload: Any, *, secret: str = SIGNING_SECRET, at: float | None = None
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a signed request, signed by Slack's own library."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(time.time() if at is None else at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    assert signature is not None
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }


def pagerduty_event(kind: str, key: str, *, user: str | None = "Ann Lee", at: float | None = None) -> dict[str, Any]:
    """A webhook's body; without a user the event was caused by an integration."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    agent = {"id": "PLH1HKV", "self": "https://api.pagerduty.com/users/PLH1HKV"}
    agent |= {"type": "user_reference", "summary": user} if user else {"type": "inbound_integration_reference"}
    return {
        "event": {
            "id": str(uuid.uuid4()),
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "agent": agent,
            "client": None,
            "data": {
                "id": "PGR0VU2",
                "type": "incident",
                "number": 2,
                "status": kind.partition(".")[2],
                "incident_key": key,
                "title": "a little bump in the road",
                "urgency": "high",
            },
        }
    }


def pagerduty_request(event: Any, *secrets: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook, signed with every secret that is valid while one is rotated."""
    body = json.dumps(event).encode()
    signatures = ",".join(f"v1={hmac.new(one.encode(), body, hashlib.sha256).hexdigest()}" for one in secrets)
    return body, {"Content-Type": "application/json", "X-PagerDuty-Signature": signatures}


class SocketMode(FakeServer):
    """Slack's side of Socket Mode."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[web.WebSocketResponse] = []
        #: Tickets that were given out and not used; each opens one connection.
        self._tickets: set[str] = set()
        self._answered: dict[str, asyncio.Event] = {}
        self.violations: list[str] = []
        self._opened = asyncio.Condition()

    @property
    def api_url(self) -> str:
        return f"{self.address}/api/"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/api/apps.connections.open", self._open)
        app.router.add_get("/link", self._link)

    async def press(self, payload: dict[str, Any]) -> bool:
        """Send a button's payload; whether it was answered in time."""
        envelope = str(uuid.uuid4())
        self._answered[envelope] = asyncio.Event()
        sent = {"type": "interactive", "envelope_id": envelope, "accepts_response_payload": True, "payload": payload}
        await self.connections[-1].send_json(sent)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._answered[envelope].wait()
        except TimeoutError:
            return False
        return True

    async def disconnect(self) -> None:
        """Announce the end of the connection, as Slack does every few hours."""
        await self.connections[-1].send_json({"type": "disconnect", "reason": "refresh_requested"})

    async def connected(self, number: int = 1) -> None:
        """Wait until so many connections were opened."""
        async with asyncio.timeout(10), self._opened:
            await self._opened.wait_for(lambda: len(self.connections) >= number)

    async def _open(self, request: web.Request) -> web.Response:
        _, reply = await self.fault(request)
        if reply is not None:
            return reply
        if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        url = f"{self.address.replace('http', 'ws', 1)}/link?ticket={ticket}"
        return web.json_response({"ok": True, "url": url})

    async def _link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0"}})
        async with self._opened:
            self.connections.append(socket)
            self._opened.notify_all()
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            answer = json.loads(message.data)
            if set(answer) != {"envelope_id"} or answer["envelope_id"] not in self._answered:
                self.violations.append(message.data)
                continue
            self._answered[answer["envelope_id"]].set()
        return socket
