"""A fake of an ntfy server: its JSON publishing, its limits, its accounts, and what a telephone shows.

Contract: docs.ntfy.sh/publish (2.16), ``server/server.go``, ``server/errors.go``. Stricter than the real one: unknown fields,
which it drops without a word, and messages that it would make a file of, are refused.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer

MAX_JSON_BYTES = 8192
MAX_MESSAGE_BYTES = 4096
_FIELDS = {"topic", "title", "message", "priority", "tags", "click", "icon", "sequence_id"}


class Ntfy(FakeServer):
    """One server with one topic.

    Args:
        token: the access token that may publish; None: anybody may.
    """

    topic = "driftbell-TOPIC0123456789"
    username, password = "driftbell", "PASSWORD0123456789"

    def __init__(self, token: str | None = None) -> None:
        super().__init__()
        self._token = token
        self.published: list[dict[str, Any]] = []
        #: By sequence: what the telephone shows.
        self.shown: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.path = "/"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/", self._publish)

    async def _publish(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        if not self._may(request.headers.get("Authorization")):
            return _error(401, 40101, "unauthorized")
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            return _error(400, 40024, "invalid request: request body must be valid JSON")
        problem = problem_of(body, len(raw), self.topic)
        if problem is not None:
            self.refused.append(problem[2])
            return _error(*problem)
        self.published.append(body)
        self.shown[body.get("sequence_id", str(len(self.published)))] = body
        if fault is not None:
            return self.drop(request)
        return web.json_response({"id": f"id{len(self.published)}", "event": "message", "topic": body["topic"]})

    def _may(self, header: str | None) -> bool:
        if self._token is None and header is None:
            return True
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return header in (f"Bearer {self._token}", f"Basic {pair}")


def problem_of(body: Any, size: int, topic: str) -> tuple[int, int, str] | None:
    """Status, code and text of a refusal; None where there is none."""
    if size > MAX_JSON_BYTES:
        return 413, 41303, "JSON body too large"
    if not isinstance(body, dict) or body.keys() - _FIELDS:
        return 400, 40017, "invalid request: request body must be message JSON"
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", str(body.get("topic"))):
        return 400, 40009, "invalid request: topic invalid"
    if body["topic"] != topic:
        return 403, 40301, "forbidden"
    if not isinstance(body.get("message"), str) or len(body["message"].encode()) > MAX_MESSAGE_BYTES:
        return 400, 40014, "invalid request: attachments not allowed"
    if not body["message"].strip() or "\n" in str(body.get("title")):
        return 400, 40000, "invalid request"
    if body.get("priority") not in (1, 2, 3, 4, 5):
        return 400, 40007, "invalid priority parameter"
    if any("," in tag for tag in body.get("tags", ())):
        return 400, 40000, "invalid request: tags"
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", str(body.get("sequence_id"))):
        return 400, 40049, "invalid request: sequence ID invalid"
    for name in ("click", "icon"):
        if name in body and not re.match(r"https?://\S+$", body[name]):
            return 400, 40021, f"invalid request: {name} URL is invalid"
    return None


def _error(status: int, code: int, text: str) -> web.Response:
    return web.json_response({"code": code, "http": status, "error": text}, status=status)
