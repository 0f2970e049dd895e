"""Slack by incoming webhook: one per notification and per close. Webhooks return no id, so nothing can be edited later.

Contract: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. Success is HTTP 200 with the body ``ok``;
errors come as text bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.channels.slack.blocks import render, render_minimal
from driftbell.alerting.errors import SecretError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import compose, minimal
from driftbell.alerting.rendering.templates import Template

#: docs.slack.dev/apis/web-api/rate-limits: one message a second per channel, short bursts tolerated.
PER_SECOND = 1.0
BURST = 3

#: Error bodies whose meaning the status does not tell. "invalid_payload", "no_text", "invalid_blocks": the content.
_ERRORS = {
    "invalid_payload": OutcomeReason.CONTENT_REJECTED,
    "no_text": OutcomeReason.CONTENT_REJECTED,
    "invalid_blocks": OutcomeReason.CONTENT_REJECTED,
    "user_not_found": OutcomeReason.DESTINATION_GONE,
    "action_prohibited": OutcomeReason.AUTH_ERROR,
    "invalid_token": OutcomeReason.AUTH_ERROR,
    "no_team": OutcomeReason.AUTH_ERROR,
    "team_disabled": OutcomeReason.AUTH_ERROR,
    "posting_to_general_channel_denied": OutcomeReason.AUTH_ERROR,
    "channel_not_found": OutcomeReason.DESTINATION_GONE,
    "no_service": OutcomeReason.DESTINATION_GONE,
    "no_active_hooks": OutcomeReason.DESTINATION_GONE,
    "channel_is_archived": OutcomeReason.DESTINATION_GONE,
    "rollup_error": OutcomeReason.SERVER_ERROR,
}


class SlackWebhookChannel:
    """One incoming webhook; its URL is its password. A repeated delivery shows as a second message."""

    repeatable = False
    in_flight = 1

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: SecretSource,
        *,
        mentions: Sequence[str] = (),
        title: Template | None = None,
        text: Template | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._mentions = tuple(mentions)
        self._title = title
        self._text = text
        self.rate: Rate | None = Rate(f"slack:{_name(url)}", PER_SECOND, BURST)

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
            lambda: full(delivery, self._mentions, self._title, self._text),
            lambda: render_minimal(minimal(delivery.notification, delivery.incident, delivery.kind)),
            attempt,
        )

    async def close(self) -> None:
        """The session belongs to who made it."""


def full(delivery: Delivery, mentions: Sequence[str], title: Template | None, text: Template | None) -> dict[str, Any]:
    """The full message of a delivery, with the switches that keep Slack from interpreting it."""
    message = compose(delivery.notification, delivery.incident, delivery.kind)
    return render(
        message,
        mentions=mentions if delivery.calls else (),
        title=title.render(delivery) if title else None,
        text=text.render(delivery) if text else None,
    )


def judge(answer: HttpResponse) -> Outcome:
    """What a webhook's answer means."""
    if answer.status == 200 and answer.text == "ok":
        return sent()
    reason = _ERRORS.get(answer.text)
    if reason is not None:
        return failed(reason, f"HTTP {answer.status}: {answer.text}", retry_after_seconds=answer.retry_after_seconds)
    return refused(answer)


def _name(secret: SecretSource) -> str:
    try:
        return fingerprint(secret.read())
    except SecretError:
        return secret.file or secret.variable or "unknown"
