"""The addresses to which Slack and PagerDuty send: what is signed is done, all else refused.

``POST /slack/actions`` and ``POST /pagerduty/webhook``, on the API's server. Who sent it is known by the signature alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import RouterError
from driftbell.alerting.inbound import pagerduty_events, slack_actions
from driftbell.alerting.inbound.asked import Asked, Commander, NotUnderstoodError
from driftbell.alerting.inbound.signature import SignatureReason, of_pagerduty, of_slack

log = logging.getLogger(__name__)

#: Slack's payloads carry the whole message, PagerDuty's the incident; both stay far below.
MAX_BODY_BYTES = 1_000_000
#: Seconds in which a body must have come.
BODY_SECONDS = 5.0

SLACK_PATH, PAGERDUTY_PATH = "/slack/actions", "/pagerduty/webhook"


def slack_route(secret: SecretSource, commander: Commander) -> web.RouteDef:
    """Buttons by signed HTTP (docs.slack.dev/interactivity/handling-user-interaction)."""

    async def handle(request: web.Request) -> web.Response:
        body = await _body(request)
        headers = request.headers
        reason = of_slack(
            secret,
            body,
            headers.get("X-Slack-Request-Timestamp", ""),
            headers.get("X-Slack-Signature", ""),
            commander.now_ms() / 1000,
        )
        if reason is not SignatureReason.VALID:
            return _refused(request, reason)
        payload = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=10)).get("payload", "")
        return await _done("slack", commander, lambda: slack_actions.asked(payload.encode()))

    return web.post(SLACK_PATH, handle)


def pagerduty_route(secret: SecretSource, commander: Commander) -> web.RouteDef:
    """Webhooks v3."""

    async def handle(request: web.Request) -> web.Response:
        body = await _body(request)
        reason = of_pagerduty(secret, body, request.headers.get("X-PagerDuty-Signature", ""))
        if reason is not SignatureReason.VALID:
            return _refused(request, reason)

        def read() -> list[Asked]:
            found = pagerduty_events.asked(body, commander.now_ms())
            return [] if found is None else [found]

        return await _done("pagerduty", commander, read)

    return web.post(PAGERDUTY_PATH, handle)


async def obey(vendor: str, commander: Commander, asked: list[Asked]) -> bool:
    """Have done what was asked. Returns whether an answer came; what it says is logged.

    What cannot be done (the incident is over) is answered too: asking again would not help.
    """
    for one in asked:
        try:
            answer = await commander.command(one.action, one.command_id)
        except RouterError as error:
            log.error("what was asked is not done", extra={"vendor": vendor, "error": str(error)})
            return False
        log.info(
            "asked by a vendor's message",
            extra={"vendor": vendor, "command": one.command_id, "result": answer.reason, "error": answer.error},
        )
    return True


async def _done(vendor: str, commander: Commander, read: Callable[[], list[Asked]]) -> web.Response:
    try:
        asked = read()
    except (NotUnderstoodError, ValueError) as error:
        told = str(error) if isinstance(error, NotUnderstoodError) else "no form as Slack's contract has it"
        log.warning("a signed message is refused", extra={"vendor": vendor, "error": told})
        return web.Response(status=400, text=told)
    # Another status than 200 makes PagerDuty send it again, and Slack tell the person who pressed.
    return web.Response(status=200 if await obey(vendor, commander, asked) else 503)


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)


def _refused(request: web.Request, reason: SignatureReason) -> web.Response:
    log.warning(
        "a message is not believed", extra={"path": request.path, "reason": reason.value, "peer": request.remote}
    )
    return web.Response(status=503 if reason is SignatureReason.SECRET_MISSING else 401, text=reason.value)
