"""Deliveries for channel tests: a usual one, a huge one, and hostile ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.state.records import Acknowledgement, Group, Incident, Kind, LogEntry
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS, make_alert

KEY = "0123456789abcdef0123456789abcdef"


def delivery(
    kind: Kind = Kind.TRIGGER,
    alerts: Sequence[Alert] = (),
    *,
    number: int = 1,
    handle: dict[str, str] | None = None,
    incident: str = "a1b2c3d4e5f60718293a4b5c",
    external_url: str = "https://driftbell.example.org",
) -> Delivery:
    """One delivery of an incident about ``alerts``."""
    usual = (
        make_alert("resolved", at_ms=START_MS + 754_000, started_ms=START_MS) if kind is Kind.RESOLVE else make_alert()
    )
    chosen = list(alerts) or [usual]
    labels = {"model": chosen[0].labels.get("model", "")}
    group = Group(
        id=KEY, route_id="{}", key=f'{{}}:{{model="{labels["model"]}"}}', labels=labels, created_ms=0, next_flush_ms=0
    )
    notification = notify(
        group,
        "oncall",
        [alert for alert in chosen if alert.status == "firing"],
        [alert for alert in chosen if alert.status != "firing"],
        reason="first_notification",
        now_ms=START_MS + 1000,
        external_url=external_url,
        told=LogEntry(at_ms=START_MS, firing=frozenset(alert.fingerprint for alert in chosen)),
    )
    as_it_began = [msgspec.structs.replace(alert, status="firing") for alert in chosen]
    first = notify(group, "oncall", as_it_began, [], reason="first_notification", now_ms=START_MS)
    opened = Incident(id=incident, opened_ms=START_MS, subject=subject(first), handle=handle or {})
    return Delivery(f"{incident}-{number}", kind, notification, opened, KEY)


def taken(given: Delivery, text: str = "ann", comment: str = "") -> Delivery:
    """The same delivery when somebody has taken all of it on."""
    made = Acknowledgement(by=text, comment=comment, at_ms=START_MS + 60_000)
    firing = given.notification.firing
    told = msgspec.structs.replace(given.notification, acknowledged=firing, acknowledgement=made)
    return dataclasses.replace(given, notification=told)


def hostile_alert(text: str) -> Alert:
    """An alert that has ``text`` wherever an event can put text."""
    return make_alert(
        labels={"model": text, "team": text},
        annotations={"summary": text, "description": text, "runbook_url": text},
        generatorURL=text,
    )


#: What people have put into labels to see what happens.
HOSTILE = [
    "<!channel> <!here> <!everyone> <@U012345> <#C1> <https://evil.example|click>",
    "*bold* _it_ ~no~ `code` ```block``` > quote",
    "&lt;&amp;&gt; & < >",
    "line\nbreak\r\nBcc: evil@example.org\r\n\r\nbody",
    "=?utf-8?q?x=0d=0aBcc=3a_evil=40example.org?=",
    "nul\x00 bell\x07 esc\x1b[31m del\x7f nel\x85 ls\u2028 ps\u2029",
    "\u202eright to left\u202c \u2066isolate\u2069",
    "\U0001f469\u200d\U0001f680" * 500,
    "x" * 1_000_000,
    "ä" * 100_000,
    "{{ 7 * 7 }} {% raw %} ${jndi:ldap://x}",
    '<script>alert(1)</script> " onmouseover="x',
    " ",
    "",
    "\n\n\n",
    "https://example.org/<!channel>|x",
    "javascript:alert(1)",
    "https://example.org/" + "a" * 5_000,
]

hostile_texts = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="<>!@#&|=?\r\n\t\x00\x85\u2028 abc:*_~`", max_size=200),
    st.sampled_from(HOSTILE),
)


def huge() -> list[Alert]:
    """More, and longer, than any channel takes."""
    return [
        make_alert(labels={"model": f"m{number:04}", "segment": "s" * 5_000}, annotations={"summary": "word " * 2_000})
        for number in range(250)
    ]


def outcome_text(*parts: Any) -> str:
    """Everything that could be logged or shown of some objects."""
    return " ".join(f"{part} {part!r}" for part in parts)
