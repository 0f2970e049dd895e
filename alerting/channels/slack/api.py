"""Slack by Web API: one message per incident, edited in place, with a thread that tells its history.

Contract: docs.slack.dev/reference/methods/chat.postMessage and chat.update. Errors come as HTTP 200 with ``ok: false``.
An edit notifies nobody, so whatever people must notice is also a reply in the thread; the close is shown in the
channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.secrets import SecretSource, fingerprint
from driftbell.alerting.channels.slack.blocks import as_edit, escape, mention_block, plain_block, render_minimal
from driftbell.alerting.channels.slack.buttons import buttons
from driftbell.alerting.channels.slack.upload import upload
from driftbell.alerting.channels.slack.webhook import BURST, PER_SECOND, full
from driftbell.alerting.errors import SecretError
from driftbell.alerting.foreign_json import ForeignJsonError, decode_foreign
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry, failed, sent
from driftbell.alerting.pictures.picture import PICTURES
from driftbell.alerting.rendering.message import Message, acknowledged, compose, minimal
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import one_line, truncate
from driftbell.alerting.state.records import Kind

log = logging.getLogger(__name__)

#: docs.slack.dev/reference/methods/chat.postMessage, "errors", by what they mean for a retry.
_TRANSIENT = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
_RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
_CONTENT = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    }
)
_AUTH = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "token_expired",
        "token_revoked",
    }
)
_GONE = frozenset({"channel_not_found", "is_archived", "not_in_channel", "team_access_not_granted"})
#: chat.update: the message is not there to be edited any more, so a new one takes its place.
_NOT_EDITABLE = frozenset({"cant_update_message", "edit_window_closed", "message_not_found", "thread_not_found"})

#: Seconds for a picture; its message is there already, and others wait behind it.
UPLOAD_SECONDS = 5.0
#: In the handle of an incident whose thread has a picture.
PICTURED = "picture"

#: How long a thread reply is; the full message stands in the edited message.
_MAX_REPLY = 500


class SlackApiChannel:
    """One channel of one workspace. Posting again shows a second message, so an unknown outcome is a risk."""

    repeatable = False
    in_flight = 1

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: SecretSource,
        channel: str,
        base_url: str,
        *,
        mentions: Sequence[str] = (),
        title: Template | None = None,
        text: Template | None = None,
        has_buttons: bool = False,
    ) -> None:
        self._session = session
        self._token = token
        self._channel = channel
        self._base_url = base_url.rstrip("/")
        self._mentions = tuple(mentions)
        self._title = title
        self._text = text
        self._has_buttons = has_buttons
        self._may_upload = True
        self.rate: Rate | None = Rate(f"slack:{fingerprint(channel)}", PER_SECOND, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``. The handle is ``{channel, ts}`` of the incident's message."""
        try:
            token = self._token.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))

        async def attempt(content: dict[str, Any]) -> Outcome:
            if "blocks" in content:
                content = {**content, "metadata": _metadata(delivery)}
            handle = delivery.incident.handle
            if "ts" not in handle:
                ts = await self._find_own(token, delivery) if delivery.incident.delivered == "maybe" else None
                if ts is None:
                    return await self._post(token, content)
                handle = {"channel": self._channel, "ts": ts}
                if delivery.kind is Kind.TRIGGER:
                    # It is there, and has called whom it was to call: only what it says may be older.
                    found = await self._call(token, "chat.update", {**handle, **as_edit(content)})
                    if found.detail in _NOT_EDITABLE:
                        return await self._post(token, content)
                    return sent(handle) if found.ok else found
            outcome = await self._call(
                token, "chat.update", {"channel": handle["channel"], "ts": handle["ts"], **as_edit(content)}
            )
            if outcome.detail in _NOT_EDITABLE:
                return await self._post(token, content)
            if not outcome.ok:
                return outcome
            reply = await self._reply(token, delivery, handle)
            return sent(handle) if reply.ok or reply.detail in _NOT_EDITABLE else reply

        outcome = await send_or_minimal(
            lambda: self._full(delivery),
            lambda: render_minimal(minimal(delivery.notification, delivery.incident, delivery.kind)),
            attempt,
        )
        return await self._with_picture(token, delivery, outcome)

    async def close(self) -> None:
        """The session belongs to who made it."""

    def _full(self, delivery: Delivery) -> dict[str, Any]:
        content = full(delivery, self._mentions, self._title, self._text)
        if self._has_buttons:
            content["blocks"] += buttons(delivery)
        return content

    async def _with_picture(self, token: str, delivery: Delivery, outcome: Outcome) -> Outcome:
        """After a message that was taken: its picture in the thread, once for an incident. Nothing of it fails a page."""
        handle = outcome.handle or {}
        wanted = outcome.reason is OutcomeReason.SENT and "ts" in handle and PICTURED not in handle
        if not wanted or not self._may_upload or delivery.kind is Kind.RESOLVE:
            return outcome
        picture = await PICTURES.of(delivery)
        if picture is None:
            return outcome
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                shown = await upload(self._session, self._base_url, token, handle, picture, self._call)
        except TimeoutError:
            shown = failed(OutcomeReason.NO_ANSWER, "no answer in time")
        if shown.ok:
            return replace(outcome, handle={**handle, PICTURED: "yes"})
        # Without the scope, or where there is no such method, asking again for each page would only cost time.
        self._may_upload = shown.retry is not Retry.NO
        log.info("no picture in the thread", extra={"incident": delivery.incident.id, "detail": shown.detail})
        return outcome

    async def _post(self, token: str, content: dict[str, Any]) -> Outcome:
        return await self._call(token, "chat.postMessage", {"channel": self._channel, **_QUIET, **content})

    async def _find_own(self, token: str, delivery: Delivery) -> str | None:
        """The message of an incident that may have been posted without our knowing: its ``ts``, None if it is not seen.

        Slack has no idempotency key. Whatever keeps us from looking (a scope that the token does not have) is no reason to
        leave people without their page.
        """
        asked = {
            "channel": self._channel,
            "oldest": f"{delivery.incident.opened_ms / 1000 - _CLOCKS_DIFFER_SECONDS:.3f}",
            "limit": str(_LOOKED_THROUGH),
            "include_all_metadata": "true",
        }
        answer = await post(
            self._session,
            f"{self._base_url}/conversations.history",
            urlencode(asked).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"},
            secrets=(token,),
        )
        found = own_message(answer.body, delivery.incident.id) if isinstance(answer, HttpResponse) else None
        log.info("looked for our own message", extra={"incident": delivery.incident.id, "found": found is not None})
        return found

    async def _reply(self, token: str, delivery: Delivery, handle: dict[str, str]) -> Outcome:
        message = compose(delivery.notification, delivery.incident, delivery.kind)
        what = one_line(_news(message, delivery))
        arguments: dict[str, Any] = {
            "channel": handle["channel"],
            "thread_ts": handle["ts"],
            "text": escape(truncate(what, _MAX_REPLY)),
            "mrkdwn": False,
            # Only the close, and what calls people again, is worth a second look from the whole channel.
            "reply_broadcast": delivery.kind is Kind.RESOLVE or delivery.calls,
            **_QUIET,
        }
        if delivery.calls and self._mentions:
            # An edit mentions nobody. What is not ours to trust stays plain beside the mentions.
            arguments["blocks"] = [mention_block(self._mentions), plain_block(truncate(what, _MAX_REPLY))]
        outcome = await self._call(token, "chat.postMessage", arguments)
        return sent() if outcome.ok else outcome

    async def _call(self, token: str, method: str, arguments: dict[str, Any]) -> Outcome:
        answer = await post(
            self._session,
            f"{self._base_url}/{method}",
            msgspec.json.encode(arguments),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"},
            secrets=(token,),
        )
        return judge(answer) if isinstance(answer, HttpResponse) else answer


#: Nothing in a message is to be turned into links, mentions or previews.
_QUIET = {"link_names": False, "parse": "none", "unfurl_links": False, "unfurl_media": False}


#: How far Slack's clock may lie behind ours, and how many messages are looked through (docs.slack.dev/reference/methods/
#: conversations.history; the newest come first).
_CLOCKS_DIFFER_SECONDS = 120
_LOOKED_THROUGH = 30

_EVENT_TYPE = "driftbell_notification"


class _Metadata(msgspec.Struct):
    event_type: str = ""
    event_payload: dict[str, Any] = {}


class _Message(msgspec.Struct):
    ts: str = ""
    thread_ts: str = ""
    metadata: _Metadata | None = None


class _History(msgspec.Struct):
    ok: bool = False
    messages: list[_Message] = []


def own_message(body: bytes, incident: str) -> str | None:
    """The ``ts`` of an incident's message in an answer of ``conversations.history``; None if it is not there."""
    try:
        history = decode_foreign(body, _History)
    except ForeignJsonError:
        return None
    for message in history.messages:
        about = message.metadata
        if about is None or about.event_type != _EVENT_TYPE or about.event_payload.get("incident") != incident:
            continue
        if message.ts and message.thread_ts in ("", message.ts):
            return message.ts
    return None


class _Reply(msgspec.Struct):
    ok: bool = False
    error: str = ""
    channel: str = ""
    ts: str = ""


def judge(answer: HttpResponse) -> Outcome:
    """What a Web API answer means. ``detail`` of a failure is Slack's error word where there is one."""
    if answer.status != 200:
        return refused(answer)
    try:
        reply = decode_foreign(answer.body, _Reply)
    except ForeignJsonError:
        return failed(OutcomeReason.NO_ANSWER, f"HTTP 200 without Slack's JSON: {answer.text}")
    if reply.ok:
        return sent({"channel": reply.channel, "ts": reply.ts})
    word = reply.error
    for words, reason in (
        (_RATE_LIMITED, OutcomeReason.RATE_LIMITED),
        # Slack says that these may have succeeded in part.
        (_TRANSIENT, OutcomeReason.SERVER_ERROR),
        (_CONTENT, OutcomeReason.CONTENT_REJECTED),
        (_AUTH, OutcomeReason.AUTH_ERROR),
        (_GONE, OutcomeReason.DESTINATION_GONE),
    ):
        if word in words:
            return failed(reason, word, retry_after_seconds=answer.retry_after_seconds)
    if word.startswith("restricted_action"):
        return failed(OutcomeReason.AUTH_ERROR, word)
    return failed(OutcomeReason.CLIENT_ERROR, word or "ok: false without an error")


def _news(message: Message, delivery: Delivery) -> str:
    """One line of the thread: what is new. The message above it has all, and the subject."""
    if delivery.kind is Kind.RESOLVE:
        return message.state
    if message.news:
        return f"{message.news} ({message.status})"
    if delivery.notification.is_taken:
        return acknowledged(delivery.notification)
    return f"still {message.status}"


def _metadata(delivery: Delivery) -> dict[str, Any]:
    """Our ids on the message, so that we, a person or a bot can tell a repeated delivery."""
    payload = {"delivery": delivery.id, "incident": delivery.incident.id, "kind": delivery.kind.value}
    return {"event_type": _EVENT_TYPE, "event_payload": payload}
