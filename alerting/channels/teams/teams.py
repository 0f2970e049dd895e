"""Microsoft Teams by the webhook of a workflow: one card per notification and per close; nothing can be edited later.

Contract: support.microsoft.com, "create incoming webhooks with Workflows" (the trigger "when a Teams webhook request is
received"): 202 and no body; errors come as ``{"error": {"code", "message"}}``. The retired connectors answer 200 also where
Teams refuses, and say so in the body.
"""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, classify, post, refused
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.channels.teams.card import card, minimal_card
from driftbell.alerting.errors import SecretError
from driftbell.alerting.foreign_json import fields_of
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import compose, minimal
from driftbell.alerting.rendering.templates import Template

#: learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using, "rate limiting": four requests
#: a second at most, 60 in 30 seconds, 100 in an hour are too many for some tenants; one a second stays below the first two.
PER_SECOND = 1.0
BURST = 3

#: What the service behind workflows says, and what it means where the status does not tell.
_CODES = {
    "WorkflowTriggerIsNotEnabled": OutcomeReason.DESTINATION_GONE,
    "WorkflowNotFound": OutcomeReason.DESTINATION_GONE,
    "DirectApiAuthorizationRequired": OutcomeReason.AUTH_ERROR,
    "DirectApiInvalidAuthorizationScheme": OutcomeReason.AUTH_ERROR,
    "RequestEntityTooLarge": OutcomeReason.CONTENT_REJECTED,
}
_ACCEPTED = 202
#: What a workflow with an answer of its own may say with 200 (nothing), and what connectors say.
_TAKEN = (b"", b"1")
_INNER_STATUS = re.compile(r"HTTP error (\d{3})")


class TeamsChannel:
    """One workflow's webhook; its URL is its password. A repeated delivery shows as a second message."""

    repeatable = False
    in_flight = 1

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: SecretSource,
        *,
        title: Template | None = None,
        text: Template | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._title = title
        self._text = text
        self.rate: Rate | None = Rate(f"msteamsv2:{_name(url)}", PER_SECOND, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``."""
        try:
            url = self._url.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))

        async def attempt(payload: dict[str, Any]) -> Outcome:
            answer = await post(self._session, url, msgspec.json.encode(payload), secrets=(url,))
            return judge(answer) if isinstance(answer, HttpResponse) else answer

        return await send_or_minimal(
            lambda: self._full(delivery),
            lambda: minimal_card(minimal(delivery.notification, delivery.incident, delivery.kind)),
            attempt,
        )

    async def close(self) -> None:
        """The session belongs to who made it."""

    def _full(self, delivery: Delivery) -> dict[str, Any]:
        return card(
            compose(delivery.notification, delivery.incident, delivery.kind),
            title=self._title.render(delivery) if self._title else None,
            text=self._text.render(delivery) if self._text else None,
        )


def judge(answer: HttpResponse) -> Outcome:
    """What a workflow's answer means, or that of a connector."""
    if 200 <= answer.status < 300:
        inner = _INNER_STATUS.search(answer.text)
        reason = OutcomeReason.SENT if inner is None else classify(int(inner[1]))
        if reason is not OutcomeReason.SENT:
            return failed(reason, answer.text, retry_after_seconds=answer.retry_after_seconds)
        if answer.status == _ACCEPTED or answer.body.strip() in _TAKEN:
            return sent()
        # Another success is not Teams' (a proxy, a login page): the message would be lost.
        return refused(answer)
    known = _CODES.get(_code(answer.body))
    if known is not None:
        told = f"HTTP {answer.status}: {answer.text}"
        return failed(known, told, retry_after_seconds=answer.retry_after_seconds)
    return refused(answer)


def _code(body: bytes) -> str:
    error = fields_of(body).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _name(secret: SecretSource) -> str:
    try:
        return fingerprint(secret.read())
    except SecretError:
        return secret.file or secret.variable or "unknown"
