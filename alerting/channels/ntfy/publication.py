"""A delivery as the JSON that ntfy publishes, inside its limits. ntfy reads no markup unless it is asked to.

Source: docs.ntfy.sh/publish ("publish as JSON", "message priority", "updating notifications", "limitations").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from driftbell.alerting.channels.urgency import Urgency, urgency
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.brief import brief, links
from driftbell.alerting.rendering.message import Message
from driftbell.alerting.rendering.text import clean, one_line, truncate, truncate_bytes
from driftbell.alerting.state.records import Severity

#: Of a longer message ntfy makes a file, which the telephone does not show.
MAX_MESSAGE_BYTES = 4_096
#: The server reads twice that of a request in JSON, and refuses what is longer.
MAX_JSON_BYTES = 8_000
#: One line on a telephone; the title travels in a header inside the server.
MAX_TITLE = 200
MAX_ADDRESS = 1_000
#: A message that has not this much room says nothing.
_LEAST_BYTES = 200

_PRIORITIES = {Severity.CRITICAL: 5, Severity.ERROR: 4, Severity.WARNING: 3, Severity.INFO: 2}
#: What is no call is at most this loud: 3 rings, 2 is quiet.
_LOUDEST = {Urgency.CALL: 5, Urgency.REMIND: 4, Urgency.TELL: 2, Urgency.OVER: 3}
_TAGS = {
    Severity.CRITICAL: "rotating_light",
    Severity.ERROR: "red_circle",
    Severity.WARNING: "warning",
    Severity.INFO: "information_source",
}
_OVER = "white_check_mark"
#: Somebody has taken it on.
_TAKEN = "yellow_circle"


def publication(
    delivery: Delivery,
    message: Message,
    *,
    title: str | None = None,
    text: str | None = None,
    priority: str | None = None,
    tags: Sequence[str] = (),
    click: str | None = None,
    icon: str | None = None,
) -> dict[str, Any]:
    """All fields but the topic. Publications with the same ``sequence_id`` replace each other on the telephone (ntfy 2.16)."""
    severity = delivery.notification.severity
    tag = _OVER if urgency(delivery) is Urgency.OVER else _TAKEN if message.taken else _TAGS[severity]
    fields: dict[str, Any] = {
        "title": truncate(one_line(message.subject if title is None else title), MAX_TITLE) or "driftbell alert",
        "priority": _priority(delivery, priority),
        "tags": [tag, *tags],
        "sequence_id": delivery.incident.id,
    }
    href = click or next((href for _, href in links(message, MAX_ADDRESS)), None)
    if href is not None:
        fields["click"] = href
    if icon:
        fields["icon"] = icon
    room = MAX_MESSAGE_BYTES
    while True:
        fields["message"] = _text(message, text, room)
        size = len(msgspec.json.encode(fields))
        if size <= MAX_JSON_BYTES or room <= _LEAST_BYTES:
            return fields
        # Quotes and line breaks count twice in JSON.
        room = max(_LEAST_BYTES, room - (size - MAX_JSON_BYTES))


def _text(message: Message, text: str | None, room: int) -> str:
    if text is not None:
        return truncate_bytes(clean(text), room) or " "
    return brief(message, room, lambda line: len(line.encode()))


def _priority(delivery: Delivery, given: str | None) -> int:
    if given is not None and given.strip() in ("1", "2", "3", "4", "5"):
        return int(given)
    return min(_PRIORITIES[delivery.notification.severity], _LOUDEST[urgency(delivery)])
