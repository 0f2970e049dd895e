"""A delivery as title and body in plain text, inside the limits of whatever service is behind Apprise."""

from __future__ import annotations

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.brief import brief
from driftbell.alerting.rendering.message import Message
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import clean, one_line, truncate

MAX_TITLE = 200
#: Some services take a megabyte, which nobody reads.
MAX_BODY = 4_000
#: A message that has not this much room says nothing; a service that takes less cuts it.
_LEAST = 100


def quiet(text: str) -> str:
    """The text with a wide ``@`` for each, which calls nobody: services behind Apprise find mentions in plain text."""
    return text.replace("@", "\uff20")


def texts(
    delivery: Delivery, message: Message, limits: tuple[int, int], title: Template | None, body: Template | None
) -> tuple[str, str]:
    """Title and body. ``limits`` are the service's, in characters; a title of 0 becomes the first line of the body there."""
    most_title, most_body = limits
    head = quiet(message.subject) if title is None else title.render(delivery)
    head = truncate(one_line(head), min(MAX_TITLE, most_title) if most_title > 0 else MAX_TITLE) or "driftbell alert"
    room = min(MAX_BODY, most_body) - (0 if most_title > 0 else len(head) + 2)
    room = max(_LEAST, room)
    if body is not None:
        return head, truncate(clean(body.render(delivery)), room) or head
    return head, truncate(quiet(brief(message, room)), room)
