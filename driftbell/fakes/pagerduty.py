"""A fake of PagerDuty's Events API v2: its field rules, its limits, and its open incidents.

Contract: developer.pagerduty.com/docs/events-api-v2 (overview, trigger-events, send-alert-event). It is stricter than
    the real
one in one thing: fields that the contract does not have are refused, where PagerDuty drops them without a word.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer

MAX_EVENT_BYTES = 512 * 1024
MAX_SUMMARY = 1024
MAX_DEDUP_KEY = 255
ROUTING_KEY_LENGTH = 32

_TOP = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


@dataclass(frozen=True, slots=True)
class Event:
    """One request, with what it was answered."""

    at: float
    body: Any
    status: int
    #: ``triggered``, ``updated``, ``acknowledged``, ``resolved``, ``dropped`` (nothing open), ``refused`` or ``fault``.
    effect: str


@dataclass(slots=True)
class Incident:
    """One incident, from its first trigger to its resolve."""

    dedup_key: str
    summary: str
    severity: str
    opened: float
    triggers: int = 1
    closed: float | None = None
    acknowledged: bool = False
    #: Of the service: events with another key do not touch it.
    routing_key: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)


class PagerDuty(FakeServer):
    """The fake service.

    Args:
        on_event: called for every event with the incident it touched, as it happens.
        routing_keys: the keys that exist; None accepts any of the right length.
    """

    def __init__(
        self,
        on_event: Callable[[Event, Incident | None], None] | None = None,
        routing_keys: set[str] | None = None,
    ) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.incidents: list[Incident] = []
        self._on_event = on_event
        self._routing_keys = routing_keys

    @property
    def url(self) -> str:
        """What ``pagerduty_url`` must be."""
        return f"{self.address}/v2/enqueue"

    @property
    def open(self) -> list[Incident]:
        """Incidents that are not closed."""
        return [incident for incident in self.incidents if incident.closed is None]

    def add_routes(self, app: web.Application) -> None:
        """See ``FakeServer``."""
        app.router.add_post("/v2/enqueue", self._enqueue)

    async def _enqueue(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            self._note(Event(time.time(), _json(await request.read()), reply.status, "fault"), None)
            return reply
        raw = await request.read()
        body = _json(raw)
        errors = problems(body, len(raw))
        if not errors and self._routing_keys is not None and body["routing_key"] not in self._routing_keys:
            errors = ["Invalid routing key"]
        if errors:
            self._note(Event(time.time(), body, 400, "refused"), None)
            refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(refusal, status=400)
        key = body.get("dedup_key") or uuid.uuid4().hex
        effect, incident = self._process(body, key)
        self._note(Event(time.time(), body, 202, effect), incident)
        if fault is not None:
            return self.drop(request)
        answer = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(answer, status=202)

    def _process(self, body: dict[str, Any], key: str) -> tuple[str, Incident | None]:
        mine = (body["routing_key"], key)
        known = next((one for one in self.open if (one.routing_key, one.dedup_key) == mine), None)
        action = body["event_action"]
        if known is not None:
            known.events.append(body)
        if action == "trigger":
            payload = body["payload"]
            if known is not None:
                known.triggers += 1
                known.summary, known.severity = payload["summary"], payload["severity"]
                return "updated", known
            incident = Incident(key, payload["summary"], payload["severity"], time.time(), events=[body])
            incident.routing_key = body["routing_key"]
            self.incidents.append(incident)
            return "triggered", incident
        if known is None:
            return "dropped", None
        if action == "acknowledge":
            known.acknowledged = True
            return "acknowledged", known
        known.closed = time.time()
        return "resolved", known

    def _note(self, event: Event, incident: Incident | None) -> None:
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event, incident)


def problems(body: Any, size: int) -> list[str]:
    """What PagerDuty has against an event, in its words where they are known."""
    if size > MAX_EVENT_BYTES:
        return ["Event object is too large (should not exceed 512 KB)"]
    if not isinstance(body, dict):
        return ["Event object is not a JSON object"]
    found = [f"'{name}' is not a field of an event" for name in sorted(body.keys() - _TOP)]
    key = body.get("routing_key")
    if not isinstance(key, str):
        found.append("'routing_key' is missing or blank")
    elif len(key) != ROUTING_KEY_LENGTH:
        found.append(f"Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)")
    action = body.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        found.append("'event_action' is invalid (should be one of 'trigger', 'acknowledge', 'resolve')")
    dedup_key = body.get("dedup_key")
    if dedup_key is not None and (not isinstance(dedup_key, str) or not 0 < len(dedup_key) <= MAX_DEDUP_KEY):
        found.append("'dedup_key' is invalid (should be a string of 1 to 255 characters)")
    if action in ("acknowledge", "resolve") and not dedup_key:
        found.append("'dedup_key' is missing or blank")
    if action == "trigger":
        found += _payload_problems(body.get("payload"))
    found += _link_problems(body)
    return found


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    found = [f"'payload.{name}' is not a field of an event" for name in sorted(payload.keys() - _PAYLOAD)]
    found += [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not isinstance(payload.get(name), str) or not payload[name]
    ]
    if len(str(payload.get("summary", ""))) > MAX_SUMMARY:
        found.append(f"'payload.summary' is too long (maximum is {MAX_SUMMARY} characters)")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        found.append(
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
    found += [
        f"'payload.{name}' is invalid (should be a string)"
        for name in ("component", "group", "class")
        if not isinstance(payload.get(name, ""), str)
    ]
    if "timestamp" in payload:
        try:
            datetime.fromisoformat(payload["timestamp"])
        except (TypeError, ValueError):
            found.append("'payload.timestamp' is invalid (should be ISO 8601)")
    if not isinstance(payload.get("custom_details", {}), dict):
        found.append("'payload.custom_details' is invalid (should be an object)")
    return found


def _link_problems(body: dict[str, Any]) -> list[str]:
    found = []
    for index, link in enumerate(body.get("links", [])):
        if not isinstance(link, dict) or not str(link.get("href", "")).startswith(("http://", "https://")):
            found.append(f"'links[{index}].href' is invalid")
        elif link.keys() - {"href", "text"}:
            found.append(f"'links[{index}]' has unknown fields")
    for index, image in enumerate(body.get("images", [])):
        if not isinstance(image, dict) or not str(image.get("src", "")).startswith("https://"):
            found.append(f"'images[{index}].src' is invalid (should be https)")
    return found


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
