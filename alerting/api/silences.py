"""Silences: listed, read, added, changed, ended."""

from __future__ import annotations

import re
from typing import Any, Final

from driftbell.alerting.api.port import ApiPort
from driftbell.alerting.api.wire.query import filters, parameters
from driftbell.alerting.api.wire.refusal import WRONG_FORM, RequestRefusedError, malformed, refused
from driftbell.alerting.api.wire.silence_body import silence_of
from driftbell.alerting.muting.silence_list import as_api, in_order
from driftbell.alerting.muting.silence_rules import SilenceReason, stored_matcher
from driftbell.alerting.state.silence import ExpireSilence

_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


async def listed(port: ApiPort, raw_query: str) -> list[dict[str, Any]]:
    """``GET /api/v2/silences``: all that are kept, active ones first."""
    matchers = await filters(parameters(raw_query))
    state, now_ms = await port.state(), port.now_ms()
    # A filter asks for silences that have this matcher itself, not for what it would match.
    wanted = {stored_matcher(matcher) for matcher in matchers}
    found = [silence for silence in state.silences if wanted <= set(silence.matchers)]
    return [as_api(silence, now_ms) for silence in in_order(found, now_ms)]


async def read(port: ApiPort, silence_id: str) -> dict[str, Any]:
    """``GET /api/v2/silence/{id}``."""
    _check_id(silence_id)
    silence = (await port.state()).silences.get(silence_id)
    if silence is None:
        raise RequestRefusedError(404, None)
    return as_api(silence, port.now_ms())


async def put(port: ApiPort, data: bytes) -> dict[str, str]:
    """``POST /api/v2/silences``: the id of the silence as it is now."""
    wanted = silence_of(data)
    assert wanted.starts_ms is not None
    if wanted.starts_ms >= wanted.ends_ms:
        raise refused(400, "Failed to create silence: start time must be before end time")
    if wanted.ends_ms < port.now_ms():
        raise refused(400, "Failed to create silence: end time can't be in the past")
    answer = await port.command(wanted)
    if answer.reason == SilenceReason.NOT_FOUND:
        raise refused(404, "silence not found")
    if answer.error:
        raise refused(400, f"silence invalid: {answer.error}")
    return {"silenceID": answer.silence_id}


async def expire(port: ApiPort, silence_id: str) -> None:
    """``DELETE /api/v2/silence/{id}``: it ends now; of one that is over nothing changes."""
    _check_id(silence_id)
    answer = await port.command(ExpireSilence(silence_id=silence_id))
    if answer.reason == SilenceReason.NOT_FOUND:
        # Alertmanager 0.25 says so with 500, and amtool shows the text.
        raise refused(500, "silence not found")
    if answer.error:
        raise refused(500, answer.error)


def _check_id(silence_id: str) -> None:
    if _UUID.fullmatch(silence_id) is None:
        raise malformed(422, f'silenceID in path must be of type uuid: "{silence_id}"', WRONG_FORM)
