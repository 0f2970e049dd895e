"""The one entry for everything that people ask for: from a command to what it changes. Pure."""

from __future__ import annotations

from driftbell.alerting.life.acknowledging import acknowledge, give_back
from driftbell.alerting.life.silencing import silence_incident
from driftbell.alerting.muting.silence_rules import expire_silence, put_silence
from driftbell.alerting.state.posted_alerts.posted import PostAlerts
from driftbell.alerting.state.silence import Acknowledge, Answer, Command, ExpireSilence, PutSilence, SilenceIncident
from driftbell.alerting.state.state import Draft


def obey(draft: Draft, command: Command, now_ms: int) -> Answer:
    """Do what a command asks, once: a command that was answered gets the same answer, and changes nothing."""
    known = draft.state.answers.get(command.id) or draft.answers.get(command.id)
    if known is not None:
        return known
    action = command.action
    if isinstance(action, PostAlerts):
        raise TypeError("alerts are taken in by driftbell.alerting.posting, which knows the routes")
    if isinstance(action, PutSilence):
        answer = put_silence(draft, command.id, action, now_ms)
    elif isinstance(action, ExpireSilence):
        answer = expire_silence(draft, command.id, action, now_ms)
    elif isinstance(action, Acknowledge):
        answer = acknowledge(draft, command.id, action, now_ms)
    elif isinstance(action, SilenceIncident):
        answer = silence_incident(draft, command.id, action, now_ms)
    else:
        answer = give_back(draft, command.id, action, now_ms)
    draft.answers[command.id] = answer
    return answer


def obey_at(command: Command, draft: Draft, now_ms: int) -> Answer:
    """``obey`` as a change that a router makes of one command."""
    return obey(draft, command, now_ms)
