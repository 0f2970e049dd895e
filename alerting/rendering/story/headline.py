"""The headline of a page: how bad, what of which model, since when, and why (pure).

``CRITICAL shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. Cause: f7 out of range (54 %), mode unseen (54 %)``
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftbell.alerting.rendering.story.roles import Role, cause_ms, name, phrase, role_of
from driftbell.alerting.rendering.story.story import Story, tell
from driftbell.alerting.rendering.text import one_line
from driftbell.alerting.state.records import Notification
from driftbell.alerting.times import clock_time, to_ms
from driftbell.schemas import Alert

#: Slack's header has 150 characters and a mark in front; a mail's subject is best below.
MAX_HEADLINE = 140

#: What a headline begins with when nothing fires any more.
RESOLVED = "RESOLVED"

#: What it begins with when an incident is closed at a place because the routing has changed: what it is about may fire on.
CLOSED_HERE = "CLOSED HERE"
#: The reason of such a close (``driftbell.alerting.incidents.decision``).
ROUTING_CHANGED = "routing_changed"

#: Features named where no alert says what caused a fall of performance.
_MOVED_MOST = 3
_DAY_MS = 86_400_000


def headline(notification: Notification) -> str:
    """One sentence: severity, the model, what happened to it since when, the cause; and how many alerts more there are."""
    if not notification.alerts:
        return notification.group_key
    story = tell(notification.alerts)
    head = story.head
    assert head is not None
    total = notification.firing or notification.resolved
    level = end_word(notification) if notification.status == "resolved" else notification.severity.upper()
    if not phrase(head) or not head.labels.get("model"):
        return f"{level} {summary(head)}{_more(total - 1)}"
    text, told = _in_short(story, head, f"{level} {_subject(story, head)}: ", notification.decided_ms)
    return text + _more(total - told - sum(one.status == head.status for one in story.folded))


def end_word(notification: Notification) -> str:
    """What a message that ends an incident begins with."""
    return CLOSED_HERE if notification.reason == ROUTING_CHANGED else RESOLVED


def summary(alert: Alert) -> str:
    """The alert's sentence, or its name and labels when it has none."""
    for key in ("summary", "title"):
        text = alert.annotations.get(key, "")
        # A headline of blanks, or of characters that are taken out, says nothing.
        if one_line(text).strip("\N{REPLACEMENT CHARACTER} "):
            return text
    labels = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()) if key not in _IN_SUBJECT)
    return f"{alert.labels.get('alertname', 'alert')} ({labels})" if labels else alert.labels.get("alertname", "alert")


#: Labels that stand in a headline without their name.
_IN_SUBJECT = frozenset({"alertname", "severity"})


def in_words(alert: Alert) -> str:
    """What an alert says: a few words if possible, else its sentence."""
    return phrase(alert) or one_line(summary(alert))


def _in_short(story: Story, head: Alert, text: str, decided_ms: int) -> tuple[str, int]:
    """The headline, and how many alerts it names."""
    since = f" since {_clock(head, decided_ms)}"
    explained = role_of(head) in (Role.PERFORMANCE, Role.CONCEPT)
    text += phrase(head)
    if explained:
        text += since
        since = ""
        listed, before = list(story.causes), ". Cause: "
    else:
        listed, before = _beside(story.alerts, head), ", "
    told = 1
    for alert in listed:
        said = phrase(alert)
        # The first of a list stays whole, whatever its length.
        if not said or (told > 1 and len(text) + len(said) + len(since) > MAX_HEADLINE - len(" (and 99 more)")):
            break
        text += before + said
        before = ", "
        told += 1
    if explained and told == 1 and head.evidence.features:
        text += ". Moved most: " + ", ".join(name(one.feature) for one in head.evidence.features[:_MOVED_MOST])
    return text + since, told


def _beside(alerts: Sequence[Alert], head: Alert) -> list[Alert]:
    """What is told in the same breath: alerts of the same model that began as the head did and are not what it suffers."""
    return [
        alert
        for alert in alerts[1:]
        if alert.status == head.status
        and alert.labels.get("model") == head.labels.get("model")
        and role_of(alert) not in (Role.OTHER, Role.HEALTH)
    ]


def _subject(story: Story, head: Alert) -> str:
    """``fraud v3 (shadow)``: what the alerts of the head's model have in common."""
    model = head.labels.get("model", "")
    mine = [alert for alert in (*story.alerts, *story.folded) if alert.labels.get("model") == model]

    def common(label: str) -> Iterator[str]:
        values = {alert.labels.get(label, "") for alert in mine}
        value = values.pop()
        if value and not values:
            yield name(value)

    version = "".join(f" v{one}" if one[:1].isdigit() else f" {one}" for one in common("version"))
    variant = "".join(f" ({one})" for one in common("variant"))
    return f"{name(model)}{version}{variant}"


def _clock(alert: Alert, decided_ms: int) -> str:
    began_ms = cause_ms(alert, to_ms(alert.startsAt))
    moment = clock_time(began_ms)
    if began_ms // _DAY_MS == decided_ms // _DAY_MS:
        return f"{moment[11:16]} UTC"
    return moment if len(moment) != len("2026-11-24 14:02:07 UTC") else f"{moment[:16]} UTC"


def _more(count: int) -> str:
    return f" (and {count:,} more)" if count > 0 else ""
