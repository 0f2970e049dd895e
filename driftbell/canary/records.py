"""What a canary publishes: one prediction, and an alert that fires and is over. Pure."""

from __future__ import annotations

from driftbell.schemas import Alert, Evidence, Prediction, Status, alert_id, fingerprint, to_rfc3339
from driftbell.streams.alerts.reasons import Transition

#: What a route of its own matches.
ALERTNAME = "DriftbellCanary"

#: The model that its predictions are of, unless the command says otherwise.
MODEL = "driftbell-canary"

_SUMMARY = "test of the way from an event to a page: nothing is wrong, nothing is to be done"
_DESCRIPTION = (
    "`driftbell canary` has published this alert, to prove that alerts reach this channel. It closes the alert when every "
    "channel has it, or after its time-out. If it stays open, a canary was killed: run `driftbell canary` again; it closes it."
)


def prediction(model: str, name: str) -> Prediction:
    """A prediction without a time of its own: it has that of its record, so that no clock can make it too old or too new."""
    return Prediction(prediction_id=name, model=model, version="1", prediction="ok")


def labels(model: str) -> dict[str, str]:
    """The labels of the alert, always the same, so that its fingerprint is."""
    return {"alertname": ALERTNAME, "model": model, "severity": "info"}


def next_episode(known: int, now_ms: int) -> int:
    """A number that no canary has used.

    Counting on from what the router knows is not enough: it may not have read the records of the last canary yet.
    """
    return max(known + 1, now_ms)


def transition(model: str, episode: int, status: Status, *, started_ms: int, now_ms: int) -> Alert:
    """One record of the alerts topic, as a worker makes it."""
    named = labels(model)
    mark = fingerprint(named)
    over = status == "resolved"
    reason = Transition.RECOVERED if over else Transition.FIRED
    return Alert(
        id=alert_id(mark, episode, status),
        fingerprint=mark,
        status=status,
        labels=named,
        annotations={"summary": _SUMMARY, "description": _DESCRIPTION},
        startsAt=to_rfc3339(started_ms),
        endsAt=to_rfc3339(now_ms) if over else None,
        updatedAt=to_rfc3339(now_ms),
        episode=episode,
        reason=reason.value,
        evidence=Evidence(metric="canary", reason="canary"),
    )
