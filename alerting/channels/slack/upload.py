"""A picture in the thread of an incident's message: three requests, after the message itself is there.

Contract: docs.slack.dev/reference/methods/files.getUploadURLExternal and files.completeUploadExternal (scope files:write). The
address that Slack gives for the bytes is good for that alone, so it gets no token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.foreign_json import ForeignJsonError, decode_foreign
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.pictures.picture import Picture
from driftbell.alerting.rendering.text import one_line, truncate, web_address

_FORM = "application/x-www-form-urlencoded"
#: docs.slack.dev/reference/methods/files.getUploadURLExternal, "alt_txt": 1,000 characters.
_MAX_ALTERNATIVE = 1_000
_MAX_TITLE = 200


class _Promise(msgspec.Struct):
    ok: bool = False
    error: str = ""
    upload_url: str = ""
    file_id: str = ""


async def upload(
    session: aiohttp.ClientSession,
    base_url: str,
    token: str,
    place: dict[str, str],
    picture: Picture,
    call: Callable[[str, str, dict[str, Any]], Awaitable[Outcome]],
) -> Outcome:
    """Put the picture into the thread of a message.

    Args:
        session: for the requests.
        base_url: of the Web API's methods.
        token: the bot's.
        place: ``channel`` (its id) and ``ts`` of the message.
        picture: what to show.
        call: makes a request with JSON: token, method, arguments.
    """
    asked = {
        "filename": "metric.png",
        "length": str(len(picture.png)),
        "alt_txt": truncate(one_line(picture.alternative), _MAX_ALTERNATIVE),
    }
    answer = await post(
        session,
        f"{base_url}/files.getUploadURLExternal",
        urlencode(asked).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": _FORM},
        secrets=(token,),
    )
    if not isinstance(answer, HttpResponse):
        return answer
    promise = _promise(answer)
    if isinstance(promise, Outcome):
        return promise
    # The address is good for one file; it is no secret of ours, but it is nobody else's business.
    taken = await post(
        session,
        promise.upload_url,
        picture.png,
        headers={"Content-Type": "application/octet-stream"},
        secrets=(token, promise.upload_url),
    )
    if not isinstance(taken, HttpResponse):
        return taken
    if taken.status != 200:
        return refused(taken)
    title = truncate(one_line(picture.alternative), _MAX_TITLE)
    shared = {
        "files": [{"id": promise.file_id, "title": title}],
        "channel_id": place["channel"],
        "thread_ts": place["ts"],
    }
    outcome = await call(token, "files.completeUploadExternal", shared)
    return sent() if outcome.ok else outcome


def _promise(answer: HttpResponse) -> _Promise | Outcome:
    if answer.status != 200:
        return refused(answer)
    try:
        promise = decode_foreign(answer.body, _Promise)
    except ForeignJsonError:
        return failed(OutcomeReason.NO_ANSWER, f"HTTP 200 without Slack's JSON: {answer.text}")
    if not promise.ok:
        return failed(
            OutcomeReason.CLIENT_ERROR, truncate(one_line(promise.error), 100) or "ok: false without an error"
        )
    if web_address(promise.upload_url) is None:
        return failed(OutcomeReason.CLIENT_ERROR, "no address to send the picture to")
    return promise
