"""A button pressed in Slack: what it asks for.

Contract: docs.slack.dev/reference/interaction-payloads/block_actions-payload. The text of a message is never read: a button
carries the key of its incident.
"""

from __future__ import annotations

import msgspec

from driftbell.alerting.channels.slack.buttons import ACKNOWLEDGE, GIVE_BACK, SILENCE, SILENCE_MS
from driftbell.alerting.foreign_json import ForeignJsonError, decode_foreign
from driftbell.alerting.inbound.asked import Asked, NotUnderstoodError, command_id
from driftbell.alerting.state.silence import Acknowledge, Action, SilenceIncident, Unacknowledge

#: Longest key of an incident that is ours.
_LONGEST_KEY = 100


class _User(msgspec.Struct, frozen=True):
    id: str = ""
    username: str = ""
    name: str = ""


class _Pressed(msgspec.Struct, frozen=True):
    action_id: str = ""
    value: str = ""
    action_ts: str = ""


class _Payload(msgspec.Struct, frozen=True):
    type: str = ""
    user: _User = _User()
    actions: list[_Pressed] = []


def asked(payload: bytes) -> list[Asked]:
    """What the buttons of one payload ask for; empty for buttons that are not ours, and other kinds of payload.

    Raises:
        NotUnderstoodError: it is no payload of Slack's.
    """
    try:
        given = decode_foreign(payload, _Payload)
    except ForeignJsonError as error:
        raise NotUnderstoodError("no payload as Slack's contract has it") from error
    if given.type != "block_actions":
        return []
    who = given.user.username or given.user.name or given.user.id or "somebody in Slack"
    found = []
    for pressed in given.actions:
        action = _action(pressed, f"@{who}")
        if action is not None:
            found.append(Asked(command_id("slack", given.user.id, pressed.action_id, pressed.action_ts), action))
    return found


def _action(pressed: _Pressed, by: str) -> Action | None:
    target = pressed.value
    if not target or len(target) > _LONGEST_KEY:
        return None
    if pressed.action_id == ACKNOWLEDGE:
        return Acknowledge(target=target, by=by)
    if pressed.action_id == GIVE_BACK:
        return Unacknowledge(target=target, by=by)
    if pressed.action_id == SILENCE:
        return SilenceIncident(target=target, length_ms=SILENCE_MS, by=by, comment="by the button in Slack")
    return None
