"""What a message says, before any channel's markup: a subject, a line of state, and facts about each alert."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from driftbell.alerting.rendering.story.headline import RESOLVED, ROUTING_CHANGED, end_word, headline, summary
from driftbell.alerting.rendering.story.news import news
from driftbell.alerting.rendering.story.roles import is_over, phrase, symptom
from driftbell.alerting.rendering.story.story import tell
from driftbell.alerting.state.due_deliveries import MANY_INCIDENTS
from driftbell.alerting.state.records import POSTED, Flapping, Incident, Kind, Notification, Severity
from driftbell.alerting.times import clock_time, length, to_ms
from driftbell.runtime.measured import measured, psi_numbers, strength
from driftbell.schemas import Alert, Evidence, FeatureShift, to_rfc3339

#: Alerts that a message shows in full; it must be read on a telephone. The rest are counted.
MAX_SHOWN = 5

#: Features named as having moved most.
MAX_FEATURES = 5

#: Symptoms that are named.
MAX_FOLDED = 10

_LEVELS = frozenset(one.upper() for one in Severity)


#: The reason of a message about a destination, not about an alert: nobody can take that on.
ABOUT_US = "notification_failed"
#: The reason of a message that is no alert of anybody: no router knows it, and there are no events to look at.
TRIAL = "trial"
#: The reasons of messages that nobody can take on: they are about no incident of their own.
NOBODYS = frozenset({ABOUT_US, MANY_INCIDENTS, TRIAL})


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a message: what it is, and its value. ``link`` is an address to be followed, if it is one."""

    name: str
    value: str
    link: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One alert on a message."""

    summary: str
    firing: bool
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One notification for people. All texts are plain and unescaped; they may hold anything an event can hold."""

    subject: str
    #: ``firing, critical, since 2026-11-24 14:02:07 UTC`` or ``resolved after 12 min``.
    status: str
    kind: Kind
    items: tuple[Item, ...]
    #: Alerts that are counted but not shown.
    more: int
    link: str
    #: Whether somebody has taken on all that fires.
    taken: bool = False
    #: What an update says that the messages before it did not.
    news: str = ""
    #: What its alerts that do not fire here any more are called.
    ended: str = RESOLVED

    @property
    def state(self) -> str:
        """How it stands, and what is new."""
        return f"{self.status}; {self.news}" if self.news else self.status

    @property
    def with_summaries(self) -> bool:
        """Whether the sentence of each alert says more than the headline."""
        return len(self.items) > 1 or any(item.summary not in self.subject for item in self.items)

    def lines(self) -> Iterator[str]:
        """The message as lines of plain text."""
        yield self.state
        for item in self.items:
            yield ""
            yield f"{'FIRING' if item.firing else self.ended}: {item.summary}"
            for fact in item.facts:
                yield f"  {fact.name}: {fact.value}"
        if self.more:
            yield ""
            yield f"and {self.more:,} more"
        if self.link:
            yield ""
            yield f"Router: {self.link}"


def compose(notification: Notification, incident: Incident, kind: Kind) -> Message:
    """Compose a message. Pure text work; nothing in an alert makes it fail."""
    story = tell(notification.alerts)
    shown = story.alerts[:MAX_SHOWN]
    items = [_item(alert, notification.decided_ms, story.head) for alert in shown]
    if notification.reason == ROUTING_CHANGED:
        # How long it lasted is not known: it may fire on.
        items = [replace(item, facts=tuple(fact for fact in item.facts if fact.name != "Lasted")) for item in items]
    if items and story.folded:
        also = ", ".join(map(symptom, story.folded[:MAX_FOLDED]))
        more = len(story.folded) - MAX_FOLDED
        fact = Fact("Also moved", also + (f" and {more:,} more" if more > 0 else ""))
        items[0] = replace(items[0], facts=(fact, *items[0].facts))
    if items and notification.firing and not notification.is_taken and notification.reason not in NOBODYS:
        # The whole incident, whose alerts may be many and come later.
        fact = Fact("Take it on", f"driftbell ack {incident.id}")
        items[0] = replace(items[0], facts=(*items[0].facts, fact))
    told = news(notification) if kind is Kind.UPDATE else ""
    status = _state(notification, incident)
    return Message(
        subject=_closed(incident.subject, notification)
        if kind is Kind.RESOLVE and incident.subject
        else subject(notification),
        status=status,
        kind=kind,
        items=tuple(items),
        more=notification.firing + notification.resolved - len(shown) - len(story.folded),
        link=notification.external_url,
        taken=notification.is_taken,
        news=told,
        ended=end_word(notification),
    )


def minimal(notification: Notification, incident: Incident, kind: Kind) -> Message:
    """The message that always works: the subject and the state, nothing else."""
    return Message(subject(notification) or incident.subject, _state(notification, incident), kind, (), 0, "")


def subject(notification: Notification) -> str:
    """One sentence, which begins with the severity (``driftbell.alerting.rendering.story.headline``)."""
    return headline(notification)


def _closed(opened: str, notification: Notification) -> str:
    """The subject of what is over: it begins with that instead of a severity."""
    level, _, rest = opened.partition(" ")
    return f"{end_word(notification)} {rest}" if level in _LEVELS else opened


def _state(notification: Notification, incident: Incident) -> str:
    told = _status(notification, incident)
    return f"{told}; via fallback, {notification.via} does not take it" if notification.via else told


def _status(notification: Notification, incident: Incident) -> str:
    started = min((to_ms(alert.startsAt) for alert in notification.alerts), default=incident.opened_ms)
    if notification.status == "resolved":
        if notification.reason == ROUTING_CHANGED:
            return "closed here: the configuration has changed; what still fires is told elsewhere"
        ended = max(
            (to_ms(alert.endsAt) for alert in notification.alerts if alert.endsAt), default=notification.decided_ms
        )
        return f"resolved after {length(ended - started)}, at {clock_time(ended)}"
    counts = f"{notification.firing:,} firing" if notification.firing > 1 else "firing"
    if notification.resolved:
        counts += f", {notification.resolved:,} resolved"
    taken = acknowledged(notification)
    counts += f", {notification.severity}, since {clock_time(started)}" + (f"; {taken}" if taken else "")
    if notification.flapping is not None:
        counts += f"; {_flapping(notification.flapping)}"
    if notification.waiting_ms:
        counts += f"; nobody has acknowledged it for {length(notification.decided_ms - notification.waiting_ms)}"
    return counts


def _flapping(rule: Flapping) -> str:
    often = f"flaps: began more than {rule.opens:,} times within {length(rule.window_ms)}"
    return f"{often}, and is kept open until it is quiet for {length(rule.quiet_ms)}"


def acknowledged(notification: Notification) -> str:
    """Who has taken it on, and until when; empty when nobody has."""
    made = notification.acknowledgement
    if made is None:
        return ""
    some = "" if notification.is_taken else f"{notification.acknowledged:,} of {notification.firing:,} "
    how = f"snoozed until {clock_time(made.until_ms)}" if made.until_ms else "acknowledged"
    comment = f" ({made.comment})" if made.comment else ""
    return f"{some}{how} by {made.by or 'somebody'}{comment}"


def _item(alert: Alert, decided_ms: int, head: Alert | None) -> Item:
    told = facts(alert, decided_ms)
    if head is not None and alert is not head and _is_beside(alert, head):
        said = set(facts(head, decided_ms))
        told = (fact for fact in told if fact.name in _ITS_OWN or (fact.link and fact not in said))
    return Item(summary(alert), alert.status == "firing", tuple(told))


#: What is said of an alert beside another one of the same model, of which all is said.
_ITS_OWN = frozenset({"Measured", "Now", "While it fired", "Description", "Lasted", "Likely began", "Moved most"})


def _is_beside(alert: Alert, head: Alert) -> bool:
    model = head.labels.get("model")
    return bool(model) and alert.labels.get("model") == model and bool(phrase(alert)) and bool(phrase(head))


def facts(alert: Alert, decided_ms: int) -> Iterator[Fact]:
    """What is to be known of an alert, in the order of reading."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
    yield Fact("Labels", labels)
    description = alert.annotations.get("description")
    if alert.evidence.value is not None:
        yield Fact(_when(alert), _measured(alert, alert.evidence.value))
    elif description:
        # Of a worker's alert it says in prose what the facts below say.
        yield Fact("Description", description)
    started_ms = to_ms(alert.startsAt)
    yield Fact("Started", clock_time(started_ms))
    if alert.status == "resolved":
        ended_ms = to_ms(alert.endsAt) if alert.endsAt else decided_ms
        yield Fact("Lasted", length(ended_ms - started_ms))
    if alert.evidence.change_point_ms is not None:
        yield Fact("Likely began", clock_time(alert.evidence.change_point_ms))
    own = alert.labels.get("feature")
    if others := [shift for shift in alert.evidence.features if shift.feature != own]:
        yield Fact("Moved most", ", ".join(map(_shift, others[:MAX_FEATURES])))
    if alert.reason != POSTED:
        yield Fact("Episode", str(alert.episode))
    runbook = alert.annotations.get("runbook_url")
    if runbook:
        yield Fact("Runbook", runbook, link=True)
    if alert.generatorURL:
        yield Fact("Source", alert.generatorURL, link=True)
    if alert.reason in (POSTED, TRIAL):
        return  # its events are in no topic of ours
    model = alert.labels.get("model")
    # The moment at which it began: a command that starts at the end of the topics would show nothing of it.
    whose = f" --model {shlex.quote(model)}" if model else ""
    yield Fact("How to look", f"driftbell events tail{whose}{_at(alert.evidence.change_point_ms or started_ms)}")
    method = _method(alert.evidence)
    if method:
        # Last: the words above say the same to those who do not know it.
        yield Fact("Method", method)


def _at(moment_ms: int) -> str:
    try:
        return f" --at {to_rfc3339(moment_ms)[:19]}Z"
    except ValueError:
        return ""  # no time that a calendar has


def _when(alert: Alert) -> str:
    """What is over was measured while it fired, unless its value says that all is well."""
    if alert.status == "firing":
        return "Measured"
    return "Now" if is_over(alert.evidence) else "While it fired"


def _measured(alert: Alert, value: float) -> str:
    evidence = alert.evidence
    return measured(
        evidence.metric,
        value,
        baseline=evidence.baseline,
        threshold=evidence.threshold,
        events=evidence.window_events,
        noun="labels" if alert.labels.get("family") == "performance" else "events",
    )


def _shift(shift: FeatureShift) -> str:
    return shift.feature if shift.psi is None else f"{shift.feature} ({strength(shift.psi)})"


def _method(evidence: Evidence) -> str:
    """The detector and the numbers behind the words, for those who want to check them."""
    parts = []
    if evidence.detector is not None:
        parts.append(evidence.detector + ("" if evidence.calibrated else " (not calibrated)"))
    shown = [(one.feature, one.psi) for one in evidence.features[:MAX_FEATURES]]
    if numbers := psi_numbers(shown, evidence.metric, evidence.value):
        parts.append(f"PSI {numbers}")
    return "; ".join(parts)
