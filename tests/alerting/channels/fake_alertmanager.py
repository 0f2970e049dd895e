"""A fake of Alertmanager's ``POST /api/v2/alerts``: what it refuses, and what then fires there.

Contract: ``api/v2/openapi.yaml``, ``types.Alert.Validate``. What it says of hostile alerts is compared with the real one in
``test_alertmanager_itself.py``.
"""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FIELDS = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


class FakeAlertmanager(FakeServer):
    """One Alertmanager behind a password."""

    token = "TOKEN0123456789"

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[list[dict[str, Any]]] = []
        self.refused: list[str] = []
        #: By labels: the last form.
        self.alerts: dict[str, dict[str, Any]] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/am/api/v2/alerts", self._alerts)

    @property
    def base(self) -> str:
        """What stands in the configuration."""
        return f"{self.address}/am/"

    async def _alerts(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="Unauthorized")
        body = json.loads(await request.read())
        found = [problem for alert in body for problem in problems(alert)]
        self.posts.append(body)
        for alert in body:
            if not problems(alert):
                self.alerts[json.dumps(alert["labels"], sort_keys=True)] = alert
        if found:
            self.refused += found
            return web.json_response("; ".join(found), status=400)
        return self.drop(request) if fault is not None else web.Response()

    def firing(self, at: float | None = None) -> list[str]:
        """The models that fire at a moment."""
        now = time.time() if at is None else at
        return sorted(one["labels"]["model"] for one in self.alerts.values() if _seconds(one["endsAt"]) > now)


def problems(alert: dict[str, Any]) -> list[str]:
    """What it has against one alert."""
    found = [f"{name} is no field" for name in alert.keys() - _FIELDS]
    if not any(alert.get("labels", {}).values()):
        found.append("at least one label pair required")
    for table in ("labels", "annotations"):
        found += [f"invalid name {name!r}" for name in alert.get(table, {}) if not _NAME.fullmatch(name)]
        found += [f"{name} is no text" for name, value in alert.get(table, {}).items() if not isinstance(value, str)]
    if _seconds(alert["endsAt"]) < _seconds(alert["startsAt"]):
        found.append("start time must be before end time")
    if not re.match(r"https?://\S+$", alert.get("generatorURL", "http://x")):
        found.append("generatorURL must be of type uri")
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
