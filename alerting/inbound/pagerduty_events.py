"""What people do in PagerDuty, as its webhooks (v3) tell it: what that asks us to do.

Contract: developer.pagerduty.com/docs/webhooks-overview. Events that an integration caused, ours among them, ask for nothing:
only what a person did is an acknowledgement.
"""

from __future__ import annotations

import msgspec

from driftbell.alerting.foreign_json import decode_foreign
from driftbell.alerting.inbound.asked import Asked, NotUnderstoodError, command_id
from driftbell.alerting.state.silence import Acknowledge, Action, Unacknowledge
from driftbell.alerting.times import to_ms

#: PagerDuty repeats a webhook that failed for up to a day. What is older is a replay; ids are known for as long.
OLDEST_MS = 24 * 3_600_000 - 600_000
#: How far its clock may be ahead of ours.
_AHEAD_MS = 300_000


class _Agent(msgspec.Struct, frozen=True):
    type: str = ""
    summary: str = ""


class _Subject(msgspec.Struct, frozen=True):
    type: str = ""
    incident_key: str | None = None


class _Event(msgspec.Struct, frozen=True):
    id: str
    event_type: str
    occurred_at: str
    data: _Subject = _Subject()
    agent: _Agent | None = None


class _Webhook(msgspec.Struct, frozen=True):
    event: _Event


def asked(body: bytes, now_ms: int) -> Asked | None:
    """What one webhook asks for; None for what asks for nothing.

    Raises:
        NotUnderstoodError: it is no webhook of PagerDuty's, or too old.
    """
    try:
        event = decode_foreign(body, _Webhook).event
        occurred_ms = to_ms(event.occurred_at)
    except (ValueError, OverflowError) as error:
        raise NotUnderstoodError("no webhook as PagerDuty's contract has it") from error
    if not now_ms - OLDEST_MS <= occurred_ms <= now_ms + _AHEAD_MS:
        raise NotUnderstoodError("the event is too old, or of a time to come")
    action = _action(event, occurred_ms)
    return None if action is None else Asked(command_id("pagerduty", event.id), action)


def _action(event: _Event, at_ms: int) -> Action | None:
    key = event.data.incident_key
    if event.data.type != "incident" or not key:
        return None
    by_a_person = event.agent is not None and event.agent.type.startswith("user")
    by = (event.agent.summary if event.agent is not None else "") or "somebody in PagerDuty"
    if event.event_type == "incident.acknowledged" and by_a_person:
        return Acknowledge(target=key, by=by, asked_ms=at_ms)
    if event.event_type == "incident.resolved" and by_a_person:
        # It fires on, so it is not over; but whoever resolved it has it.
        return Acknowledge(target=key, by=by, comment="resolved in PagerDuty", asked_ms=at_ms)
    if event.event_type == "incident.unacknowledged":
        # Also by nobody: the time of an acknowledgement ran out over there.
        return Unacknowledge(target=key, by=by, asked_ms=at_ms)
    return None
