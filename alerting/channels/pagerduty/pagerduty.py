"""PagerDuty, Events API v2: one incident per group, updated by triggers of the same ``dedup_key``, closed by a resolve.

Contract: developer.pagerduty.com/docs/events-api-v2 (trigger-events, send-alert-event). An answer 202 means queued, not
paged, and events are processed one after the other per ``dedup_key`` only if they are sent so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.pagerduty.attached import Attached
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.errors import SecretError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import Message, compose, minimal
from driftbell.alerting.rendering.story.story import features_at_fault
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import clean, one_line, truncate, truncate_bytes, web_address
from driftbell.alerting.state.records import Kind, Severity
from driftbell.alerting.times import rfc3339, to_ms

#: developer.pagerduty.com/docs/send-alert-event, "summary": 1024 characters.
MAX_SUMMARY = 1024
#: The same page, "dedup_key": 255 characters.
MAX_DEDUP_KEY = 255
#: developer.pagerduty.com/docs/events-api-v2-overview: 512 KB for an event; Alertmanager takes it as 512,000 bytes.
MAX_EVENT_BYTES = 512_000
#: Of one text among details that are too many together.
_MAX_DETAIL_BYTES = 50_000
#: Not documented; a label of a link is a few words.
MAX_LINK_TEXT = 100
#: developer.pagerduty.com/docs/events-api-v2-overview, "rate limits": about 120 events a minute per integration key.
PER_MINUTE = 120
#: How many of them may come at once: enough for a handful of models, with room left in the sliding minute.
BURST = 30

_SEVERITIES = frozenset(severity.value for severity in Severity)


class PagerDutyChannel:
    """One integration key.

    ``repeatable``: a repeated trigger or resolve of the same ``dedup_key`` changes nothing.
    """

    repeatable = True
    in_flight = 4

    def __init__(
        self,
        session: aiohttp.ClientSession,
        routing_key: SecretSource,
        url: str,
        *,
        client: str = "driftbell",
        client_url: str = "",
        description: Template | None = None,
        severity: Template | None = None,
        details: dict[str, Template] | None = None,
        links: Sequence[Attached] = (),
        images: Sequence[Attached] = (),
        rate_name: str = "",
    ) -> None:
        self._session = session
        self._routing_key = routing_key
        self._url = url
        self._client = client
        self._client_url = client_url
        self._description = description
        self._severity = severity
        self._details = details or {}
        self._links = tuple(links)
        self._images = tuple(images)
        self.rate: Rate | None = Rate(f"pagerduty:{rate_name or _name(routing_key)}", PER_MINUTE / 60, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``."""
        try:
            routing_key = self._routing_key.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))

        async def attempt(event: dict[str, Any]) -> Outcome:
            action = event["event_action"]
            if action == "trigger" and delivery.calls_again and delivery.notification.acknowledged:
                # The new call is for what is new; whom the earlier ones called, has them.
                action = "acknowledge"
            if action != "trigger":
                for key in delivery.older_keys:
                    earlier = await post_event({"event_action": action, "dedup_key": key})
                    if not earlier.ok:
                        return earlier
            return await post_event(event)

        async def post_event(event: dict[str, Any]) -> Outcome:
            body = msgspec.json.encode({"routing_key": routing_key, **event})
            answer = await post(self._session, self._url, body, secrets=(routing_key,))
            if not isinstance(answer, HttpResponse):
                return answer
            # Anything else below 300 is not PagerDuty (a proxy, a wrong URL), so the message would be lost.
            return sent() if answer.status == 202 else refused(answer)

        return await send_or_minimal(lambda: self._full(delivery), lambda: self._minimal(delivery), attempt)

    async def close(self) -> None:
        """The session belongs to who made it."""

    def _full(self, delivery: Delivery) -> dict[str, Any]:
        message = compose(delivery.notification, delivery.incident, delivery.kind)
        summary = self._description.render(delivery) if self._description else message.subject
        severity = self._severity.render(delivery).strip() if self._severity else delivery.notification.severity.value
        details = {name: clean(template.render(delivery)) for name, template in self._details.items()}
        event = self._event(delivery, summary, severity, _details(delivery, message) | details, _links(message))
        if "payload" in event:
            more = [found for one in self._links if (found := one.link(delivery))]
            images = [found for one in self._images if (found := one.image(delivery))]
            event |= {"links": [*event.get("links", []), *more]} if more else {}
            event |= {"images": images} if images else {}
        room = MAX_EVENT_BYTES - 1024
        if "payload" in event and len(msgspec.json.encode(event)) > room:
            given = event["payload"].pop("custom_details", {})
            event["payload"]["custom_details"] = _fitting(given, room - len(msgspec.json.encode(event)))
        return event

    def _minimal(self, delivery: Delivery) -> dict[str, Any]:
        message = minimal(delivery.notification, delivery.incident, delivery.kind)
        return self._event(delivery, message.subject, delivery.notification.severity.value, {}, [])

    def _event(
        self, delivery: Delivery, summary: str, severity: str, details: dict[str, Any], links: list[dict[str, str]]
    ) -> dict[str, Any]:
        if delivery.kind is Kind.RESOLVE:
            return {"event_action": "resolve", "dedup_key": delivery.key}
        if delivery.notification.is_taken:
            # A trigger would open again, and so call people, what somebody has resolved over there.
            return {"event_action": "acknowledge", "dedup_key": delivery.key}
        labels = delivery.notification.common_labels
        payload: dict[str, Any] = {
            "summary": truncate(one_line(summary), MAX_SUMMARY) or "driftbell alert",
            "source": truncate(one_line(labels.get("model", "")), MAX_SUMMARY) or "driftbell",
            "severity": severity if severity in _SEVERITIES else Severity.WARNING.value,
            "timestamp": _began(delivery),
        }
        fields = {name: labels.get(label, "") for name, label in (("group", "family"), ("class", "alertname"))}
        fields["component"] = features_at_fault(delivery.notification.alerts) or labels.get("version", "")
        for name, value in fields.items():
            if value:
                payload[name] = truncate(one_line(value), MAX_SUMMARY)
        if details:
            payload["custom_details"] = details
        event: dict[str, Any] = {
            "event_action": "trigger",
            "dedup_key": delivery.key,
            "payload": payload,
            "client": self._client,
        }
        page = self._client_url or web_address(delivery.notification.external_url)
        if page:
            event["client_url"] = page
        if links:
            event["links"] = links
        return event


def _began(delivery: Delivery) -> str:
    """The time of the event: when the first of what fires began."""
    firing = (alert.startsAt for alert in delivery.notification.alerts if alert.status == "firing")
    return rfc3339(min(map(to_ms, firing), default=delivery.incident.opened_ms))


def _details(delivery: Delivery, message: Message) -> dict[str, Any]:
    alerts = []
    for item in message.items:
        facts = {fact.name: clean(fact.value) for fact in item.facts}
        alerts.append({"Summary": clean(item.summary), "State": "firing" if item.firing else "resolved", **facts})
    details: dict[str, Any] = {"State": message.state, "Firing": delivery.notification.firing, "Alerts": alerts}
    if delivery.notification.resolved:
        details["Resolved"] = delivery.notification.resolved
    if message.more:
        details["Not shown"] = message.more
    return details


def _fitting(details: dict[str, Any], room: int) -> dict[str, Any]:
    """As much of the details as fits into ``room`` bytes of JSON, the short ones first, and what is missing by name."""
    kept: dict[str, Any] = {}
    missing: list[str] = []
    room -= 4_096  # for the names of what is missing
    for name, value in sorted(details.items(), key=lambda item: len(msgspec.json.encode(item[1]))):
        shown = value
        if isinstance(value, str):
            shown = truncate_bytes(value, max(0, min(room, _MAX_DETAIL_BYTES)))
        while isinstance(shown, list) and shown and len(msgspec.json.encode(shown)) > room:
            shown = shown[: len(shown) // 2]
        size = len(msgspec.json.encode({name: shown}))
        if shown != value:
            missing.append(name)
        if shown and size <= room:
            kept[name] = shown
            room -= size
        elif name not in missing:
            missing.append(name)
    if missing:
        kept["Cut, because an event holds 512 KB"] = truncate(", ".join(missing), 1_000)
    return kept


def _links(message: Message) -> list[dict[str, str]]:
    links: list[dict[str, str]] = []
    named = [(fact.name, fact.value) for item in message.items for fact in item.facts if fact.link]
    for name, value in [*named, ("Router", message.link)]:
        href = web_address(value)
        link = {"href": href or "", "text": truncate(one_line(name), MAX_LINK_TEXT)}
        if href and link not in links:
            links.append(link)
    return links


def _name(secret: SecretSource) -> str:
    try:
        return fingerprint(secret.read())
    except SecretError:
        return secret.file or secret.variable or "unknown"
