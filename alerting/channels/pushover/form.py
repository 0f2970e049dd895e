"""A delivery as the fields that Pushover takes, inside its limits. Without ``html`` it reads no markup.

Source: pushover.net/api#messages and #limits: 1,024 characters of message, 250 of title, 512 of an address, 100 of its title.
"""

from __future__ import annotations

from driftbell.alerting.channels.urgency import Urgency, urgency
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.brief import brief, links
from driftbell.alerting.rendering.message import Message
from driftbell.alerting.rendering.text import clean, one_line, truncate
from driftbell.alerting.state.records import Severity

MAX_MESSAGE = 1_024
MAX_TITLE = 250
MAX_URL = 512
MAX_URL_TITLE = 100

#: Repeated until it is acknowledged; needs ``retry`` and ``expire``.
EMERGENCY = "2"

_PRIORITIES = {Severity.CRITICAL: 2, Severity.ERROR: 1, Severity.WARNING: 0, Severity.INFO: -1}
#: What is no call is at most this loud: 1 goes through quiet hours, 0 rings, -1 is quiet.
_LOUDEST = {Urgency.CALL: 2, Urgency.REMIND: 1, Urgency.TELL: -1, Urgency.OVER: 0}


def form(
    delivery: Delivery,
    message: Message,
    *,
    title: str | None = None,
    text: str | None = None,
    priority: str | None = None,
) -> dict[str, str]:
    """All fields but keys, and what an emergency needs."""
    body = brief(message, MAX_MESSAGE) if text is None else truncate(clean(text).strip(), MAX_MESSAGE)
    fields = {
        "title": truncate(one_line(message.subject if title is None else title), MAX_TITLE) or "driftbell alert",
        # A message must not be empty.
        "message": body or one_line(message.state) or "-",
        "priority": _priority(delivery, priority),
        "timestamp": str(delivery.notification.decided_ms // 1000),
    }
    if fields["priority"] == EMERGENCY:
        fields["tags"] = delivery.incident.id
    for name, href in links(message, MAX_URL):
        fields["url"], fields["url_title"] = href, truncate(name, MAX_URL_TITLE)
        break
    return fields


def _priority(delivery: Delivery, given: str | None) -> str:
    if given is not None and given.strip() in ("-2", "-1", "0", "1", "2"):
        return given.strip()
    return str(min(_PRIORITIES[delivery.notification.severity], _LOUDEST[urgency(delivery)]))
