"""Pushover: a message per delivery; what wakes somebody is repeated by Pushover until it is acknowledged or we cancel it.

Contract: pushover.net/api, pushover.net/api/receipts. Success is 200 with ``"status": 1``; what is wrong with a request comes
as 4xx with ``errors``, and must not be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.pushover.form import EMERGENCY, form
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.errors import SecretError
from driftbell.alerting.foreign_json import fields_of
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import compose, minimal
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind

#: pushover.net/api#friendly: two connections at a time, and no fixed rate; a storm must not use up the month's messages.
PER_SECOND = 1.0
BURST = 5
#: The same page: after an error of the server wait five seconds at least.
ERROR_PAUSE_SECONDS = 5.0

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Emergency:
    """How often, and for how long, Pushover repeats what nobody acknowledges; seconds."""

    retry: int = 60
    expire: int = 3_600


class PushoverChannel:
    """One user or group of one application. A repeated delivery shows as a second message."""

    repeatable = False
    in_flight = 1

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: SecretSource,
        user: SecretSource,
        api_url: str = "https://api.pushover.net",
        *,
        emergency: Emergency | None = None,
        fixed: Mapping[str, str] | None = None,
        priority: Template | None = None,
        title: Template | None = None,
        text: Template | None = None,
    ) -> None:
        self._session = session
        self._token = token
        self._user = user
        self._api = f"{api_url.rstrip('/')}/1"
        self._emergency = emergency or Emergency()
        self._fixed = dict(fixed or {})
        self._priority = priority
        self._title = title
        self._text = text
        self.rate: Rate | None = Rate(f"pushover:{_name(token)}", PER_SECOND, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``. A close, or an acknowledgement elsewhere, first stops what Pushover repeats of it."""
        try:
            keys = {"token": self._token.read(), "user": self._user.read()}
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))
        if delivery.kind is Kind.RESOLVE or delivery.notification.is_taken:
            stopped = await self._cancel(delivery, keys)
            if not stopped.ok:
                return stopped

        async def attempt(fields: dict[str, str]) -> Outcome:
            return await self._post("/messages.json", fields | keys, keys)

        return await send_or_minimal(lambda: self._full(delivery), lambda: self._minimal(delivery), attempt)

    async def close(self) -> None:
        """The session belongs to who made it."""

    async def _cancel(self, delivery: Delivery, keys: dict[str, str]) -> Outcome:
        # By tag, not by receipt: the receipt of a message whose answer was lost is not known.
        path = f"/receipts/cancel_by_tag/{delivery.incident.id}.json"
        return await self._post(path, {"token": keys["token"]}, keys)

    async def _post(self, path: str, fields: Mapping[str, str], keys: Mapping[str, str]) -> Outcome:
        body = urlencode(fields).encode()
        answer = await post(self._session, self._api + path, body, _FORM, secrets=tuple(keys.values()))
        return judge(answer) if isinstance(answer, HttpResponse) else answer

    def _full(self, delivery: Delivery) -> dict[str, str]:
        fields = form(
            delivery,
            compose(delivery.notification, delivery.incident, delivery.kind),
            title=self._title.render(delivery) if self._title else None,
            text=self._text.render(delivery) if self._text else None,
            priority=self._priority.render(delivery) if self._priority else None,
        )
        if "url" in self._fixed:
            fields.pop("url_title", None)
        return self._complete(fields | self._fixed)

    def _minimal(self, delivery: Delivery) -> dict[str, str]:
        return self._complete(form(delivery, minimal(delivery.notification, delivery.incident, delivery.kind)))

    def _complete(self, fields: dict[str, str]) -> dict[str, str]:
        if fields["priority"] != EMERGENCY:
            return fields
        return fields | {"retry": str(self._emergency.retry), "expire": str(self._emergency.expire)}


def judge(answer: HttpResponse, now: float | None = None) -> Outcome:
    """What Pushover's answer means."""
    body = fields_of(answer.body)
    if answer.status == 200 and body.get("status") == 1:
        return sent()
    outcome = refused(answer)
    if outcome.reason is OutcomeReason.RATE_LIMITED:
        wait = outcome.retry_after_seconds
        return failed(
            outcome.reason, outcome.detail, retry_after_seconds=_until_reset(answer, now) if wait is None else wait
        )
    if outcome.reason is OutcomeReason.SERVER_ERROR:
        wait = max(ERROR_PAUSE_SECONDS, outcome.retry_after_seconds or 0.0)
        return failed(outcome.reason, outcome.detail, retry_after_seconds=wait)
    if "invalid" in (body.get("token"), body.get("user")):
        return failed(OutcomeReason.AUTH_ERROR, outcome.detail)
    if body.get("device") == "invalid":
        return failed(OutcomeReason.DESTINATION_GONE, outcome.detail)
    return outcome


def _until_reset(answer: HttpResponse, now: float | None) -> float | None:
    """Seconds until the application may send again, where its messages of the month are used up."""
    reset = answer.headers.get("X-Limit-App-Reset", "")
    if answer.headers.get("X-Limit-App-Remaining", "").strip() != "0" or not reset.strip().isdigit():
        return None
    return max(0.0, float(reset) - (time.time() if now is None else now))


def _name(secret: SecretSource) -> str:
    try:
        return fingerprint(secret.read())
    except SecretError:
        return secret.file or secret.variable or "unknown"
