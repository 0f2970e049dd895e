"""What the alerts of one message say together: what heads the page, what caused it, and what is only a symptom (pure).

Nothing is muted: a symptom that something else explains is named in a word instead of shown as an alert of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftbell.alerting.rendering.notification import severity
from driftbell.alerting.rendering.story.roles import Role, name, role_of
from driftbell.schemas import Alert

#: Features at fault that are named.
MAX_AT_FAULT = 5

#: What a performance page names as its cause.
_CAUSES = frozenset({Role.SILENCE, Role.FAILURES, Role.QUALITY, Role.FEATURE_DRIFT})


@dataclass(frozen=True, slots=True)
class Story:
    """The alerts of a message in the order in which people should read them."""

    #: What fires first, else what is over; the first is the head. Those that are folded are left out.
    alerts: tuple[Alert, ...]
    #: Of ``alerts`` those about the same model as the head that may have caused it.
    causes: tuple[Alert, ...]
    #: Symptoms that another alert explains.
    folded: tuple[Alert, ...]

    @property
    def head(self) -> Alert | None:
        """What the headline is about."""
        return self.alerts[0] if self.alerts else None


def tell(alerts: Sequence[Alert]) -> Story:
    """Order and fold the alerts of a message."""
    folded = _folded(alerts)
    of_one_model = len({alert.labels.get("model") for alert in alerts}) <= 1

    def rank(alert: Alert) -> tuple[int, ...]:
        # Of several models the worst comes first; within one what hurts is told before its cause.
        ranks = (role_of(alert).value, severity(alert).rank)
        return (alert.status != "firing", *(ranks if of_one_model else reversed(ranks)))

    # The stable sort makes it the first of equals.
    shown = sorted((alert for alert in alerts if id(alert) not in folded), key=rank)
    causes = tuple(alert for alert in shown[1:] if _may_cause(alert, shown[0])) if shown else ()
    symptoms = sorted((alert for alert in alerts if id(alert) in folded), key=_most_moved)
    return Story(tuple(shown), causes, tuple(symptoms))


def features_at_fault(alerts: Sequence[Alert]) -> str:
    """The features that the firing alerts are about, in the order of the page; empty where there are none."""
    story = tell([alert for alert in alerts if alert.status == "firing"])
    names = [one.labels["feature"] for one in story.alerts if one.labels.get("feature")]
    return ", ".join(map(name, list(dict.fromkeys(names))[:MAX_AT_FAULT]))


def _may_cause(alert: Alert, head: Alert) -> bool:
    return (
        role_of(head) in (Role.PERFORMANCE, Role.CONCEPT)
        and role_of(alert) in _CAUSES
        and alert.status == head.status
        and alert.labels.get("model") == head.labels.get("model")
    )


def _folded(alerts: Iterable[Alert]) -> set[int]:
    """The alerts that another explains: drift of a feature whose values are wrong, and what follows of wrong values."""
    listed = list(alerts)
    wrong: set[tuple[str, ...]] = set()
    for alert in listed:
        if role_of(alert) is Role.QUALITY and alert.labels.get("feature"):
            wrong |= {_subject(alert), (*_subject(alert), alert.labels["feature"])}
    folded = set()
    for alert in listed:
        role = role_of(alert)
        explained = (
            (*_subject(alert), alert.labels.get("feature", "")) in wrong
            if role is Role.FEATURE_DRIFT
            else role is Role.PREDICTION_DRIFT and _subject(alert) in wrong
        )
        if explained:
            folded.add(id(alert))
    return folded


def _most_moved(alert: Alert) -> tuple[int, float]:
    return role_of(alert).value, -(alert.evidence.value or 0.0)


def _subject(alert: Alert) -> tuple[str, ...]:
    return ("firing" if alert.status == "firing" else "over", *(alert.labels.get(one, "") for one in _SUBJECT))


_SUBJECT = ("model", "version", "variant")
