"""A fake of Pushover: its field rules, its limits, the emergencies that it repeats, and how many messages are left.

Contract: pushover.net/api, pushover.net/api/receipts.
"""

from __future__ import annotations

import re
import time
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer

_FIELDS = {
    "token", "user", "message", "title", "priority", "timestamp", "url", "url_title", "device", "sound", "ttl",
    "retry", "expire", "tags",
}  # fmt: skip
_LIMITS = {"message": 1024, "title": 250, "url": 512, "url_title": 100}


class Pushover(FakeServer):
    """The service, with one application and one user."""

    token = "a" + "T0KEN" * 5 + "wxyz"
    user = "u" + "USER1" * 5 + "wxyz"

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, str]] = []
        #: Tag -> emergencies that are repeated.
        self.repeated: dict[str, int] = {}
        self.refused: list[list[str]] = []
        self.left = 10_000
        self.reset = int(time.time()) + 1_000

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/1/messages.json", self._message)
        app.router.add_post("/1/receipts/cancel_by_tag/{tag}.json", self._cancel)

    async def _message(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        fields = {name: str(value) for name, value in (await request.post()).items()}
        limits = {"X-Limit-App-Limit": "10000", "X-Limit-App-Remaining": str(self.left)}
        limits["X-Limit-App-Reset"] = str(self.reset)
        if (refusal := self._account(fields)) is not None:
            return refusal
        if self.left == 0:
            body = {"status": 0, "errors": ["application is over its quota"], "request": "r"}
            return web.json_response(body, status=429, headers=limits)
        found = problems(fields)
        if found:
            self.refused.append(found)
            return web.json_response({"status": 0, "errors": found, "request": "r"}, status=400)
        self.left -= 1
        self.messages.append(fields)
        answer: dict[str, Any] = {"status": 1, "request": "r"}
        if fields.get("priority") == "2":
            answer["receipt"] = "r" * 30
            for tag in fields.get("tags", "").split(","):
                self.repeated[tag] = self.repeated.get(tag, 0) + 1
        return self.drop(request) if fault is not None else web.json_response(answer, headers=limits)

    async def _cancel(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        fields = {name: str(value) for name, value in (await request.post()).items()}
        if (refusal := self._account(fields | {"user": self.user})) is not None:
            return refusal
        canceled = self.repeated.pop(request.match_info["tag"], 0)
        if fault is not None:
            return self.drop(request)
        return web.json_response({"status": 1, "canceled": canceled, "request": "r"})

    def _account(self, fields: dict[str, str]) -> web.Response | None:
        for name, value in (("token", self.token), ("user", self.user)):
            if fields.get(name) != value:
                body = {name: "invalid", "errors": [f"{name} is invalid"], "status": 0, "request": "r"}
                return web.json_response(body, status=400)
        return None


def problems(fields: dict[str, str]) -> list[str]:
    """What Pushover has against a message."""
    found = [f"{name} is not a parameter" for name in sorted(fields.keys() - _FIELDS)]
    if not fields.get("message", "").strip():
        found.append("message cannot be blank")
    found += [f"{name} is too long" for name, most in _LIMITS.items() if len(fields.get(name, "")) > most]
    if fields.get("priority", "0") not in ("-2", "-1", "0", "1", "2"):
        found.append("priority is invalid")
    if fields.get("priority") == "2":
        if not fields.get("retry", "").isdigit() or int(fields["retry"]) < 30:
            found.append("retry must be supplied with priority=2, at least 30")
        if not fields.get("expire", "").isdigit() or int(fields["expire"]) > 10_800:
            found.append("expire must be supplied with priority=2, at most 10800")
        if not re.fullmatch(r"[\w-]*", fields.get("tags", "")):
            found.append("tags are invalid")
    if "url" in fields and not re.match(r"https?://\S+$", fields["url"]):
        found.append("url is invalid")
    if not fields.get("timestamp", "0").isdigit():
        found.append("timestamp is invalid")
    return found
