"""Silence what an incident is about: a silence of the labels that its alerts share. Pure."""

from __future__ import annotations

from driftbell.alerting.life.acknowledging import AcknowledgeReason, firing_of
from driftbell.alerting.muting.silence_rules import put_silence
from driftbell.alerting.state.silence import Answer, PutSilence, SilenceIncident, SilenceMatcher
from driftbell.alerting.state.state import Draft


def silence_incident(draft: Draft, command_id: str, action: SilenceIncident, now_ms: int) -> Answer:
    """Add the silence, from now on."""
    meant = firing_of(draft, action.target, now_ms)
    labels: dict[str, str] | None = None
    for name in meant:
        alert = draft.alert(name)
        assert alert is not None
        labels = dict(alert.labels) if labels is None else {k: v for k, v in labels.items() if alert.labels.get(k) == v}
    if not labels:
        error = f"nothing that fires is {action.target[:100]!r}, or its alerts share no label"
        return Answer(id=command_id, at_ms=now_ms, reason=AcknowledgeReason.NOT_FIRING.value, error=error)
    matchers = tuple(SilenceMatcher(name=name, value=value) for name, value in sorted(labels.items()))
    put = PutSilence(
        matchers=matchers, ends_ms=now_ms + action.length_ms, created_by=action.by[:100], comment=action.comment
    )
    return put_silence(draft, command_id, put, now_ms)
