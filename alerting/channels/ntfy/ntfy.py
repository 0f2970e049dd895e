"""ntfy: one message per incident on the telephone, which later ones replace.

Contract: docs.ntfy.sh/publish. Success is 200 and the message as JSON; errors come as ``{"code", "http", "error"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.http_config.options import HttpOptions
from driftbell.alerting.channels.ntfy.publication import publication
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.errors import SecretError
from driftbell.alerting.foreign_json import fields_of
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import compose, minimal
from driftbell.alerting.rendering.templates import Template

#: docs.ntfy.sh/publish, "limitations": 60 requests at once and then one in five seconds, by account or address. Half of the
#: burst is left to whoever shares it.
PER_SECOND = 0.2
BURST = 30

#: ``server/errors.go``: the topic is not one, or not allowed, so another text does not help.
_NO_TOPIC = frozenset({40009, 40010})


class NtfyChannel:
    """One topic.

    ``repeatable``: a repeated publication replaces the first (a server older than 2.16 shows it as a second message).
    """

    repeatable = True
    in_flight = 1

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        topic: SecretSource,
        *,
        options: HttpOptions | None = None,
        priority: Template | None = None,
        tags: Sequence[str] = (),
        click: str | None = None,
        icon: str | None = None,
        title: Template | None = None,
        text: Template | None = None,
    ) -> None:
        self._session = session
        self._server = server
        self._topic = topic
        self._options = options or HttpOptions()
        self._priority = priority
        self._tags = tuple(tags)
        self._click = click
        self._icon = icon
        self._title = title
        self._text = text
        self.rate: Rate | None = Rate(f"ntfy:{fingerprint(server)}", PER_SECOND, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``."""
        try:
            topic = self._topic.read()
            options = self._options.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))

        async def attempt(fields: dict[str, Any]) -> Outcome:
            body = msgspec.json.encode({"topic": topic, **fields})
            answer = await post(self._session, self._server, body, secrets=(topic,), options=options)
            return judge(answer) if isinstance(answer, HttpResponse) else answer

        return await send_or_minimal(lambda: self._full(delivery), lambda: _minimal(delivery), attempt)

    async def close(self) -> None:
        """The session belongs to who made it."""

    def _full(self, delivery: Delivery) -> dict[str, Any]:
        return publication(
            delivery,
            compose(delivery.notification, delivery.incident, delivery.kind),
            title=self._title.render(delivery) if self._title else None,
            text=self._text.render(delivery) if self._text else None,
            priority=self._priority.render(delivery) if self._priority else None,
            tags=self._tags,
            click=self._click,
            icon=self._icon,
        )


def _minimal(delivery: Delivery) -> dict[str, Any]:
    return publication(delivery, minimal(delivery.notification, delivery.incident, delivery.kind))


def judge(answer: HttpResponse) -> Outcome:
    """What ntfy's answer means."""
    fields = fields_of(answer.body)
    if answer.status == 200 and isinstance(fields.get("id"), str):
        return sent()
    code = fields.get("code")
    if isinstance(code, int) and code in _NO_TOPIC:
        return failed(OutcomeReason.DESTINATION_GONE, f"HTTP {answer.status}: {answer.text}")
    # Another 200 is not ntfy's (a proxy, a login page): the message would be lost.
    return refused(answer)
