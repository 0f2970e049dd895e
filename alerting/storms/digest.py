"""One message about all incidents that a destination is not told one by one: "and N more". Pure.

It is opened when the first is held, said again when it has changed, and closed when none is held any more. It is a page as
any other: it has a severity, is opened elsewhere where its channel does not take it, and is closed where it was opened.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from driftbell.alerting.incidents.stand_ins import follow
from driftbell.alerting.life.escalation import called_ms
from driftbell.alerting.life.holding import CALM_UNOPENED, MAX_RELEASED, STORM_ROUTE
from driftbell.alerting.outbox.delivery_queue import enqueue_firing, enqueue_resolved, queue_of
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.message import subject
from driftbell.alerting.rendering.notification import notify, severity, worst
from driftbell.alerting.rendering.story.headline import summary
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.due_deliveries import MANY_INCIDENTS
from driftbell.alerting.state.records import Group, LogEntry, Notification, Severity
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.times import rfc3339
from driftbell.schemas import Alert, Evidence, fingerprint

ALERTNAME = "DriftbellManyIncidents"

#: How long the first message about a storm waits for what else comes, and how often one that has changed is said again.
FIRST_MS = 10_000
AGAIN_MS = 60_000

#: People are called again for a digest when incidents have come since, at most as often.
CALL_AGAIN_MS = 15 * 60_000

#: Held incidents that are looked at for what the digest says of them; all are counted.
MAX_SURVEYED = 2_000

#: Names of alerts in one digest, and alerts of each incident that are looked at.
_MAX_NAMES = 5
_OF_EACH = 10

#: When a digest's group is flushed: never.
_NEVER_MS = 1 << 60


class Digests:
    """The digests of the destinations in force."""

    def __init__(self, destinations: Mapping[str, Destination], external_url: str = "") -> None:
        self._destinations = destinations
        self._external_url = external_url

    def next_ms(self, state: State) -> int | None:
        """When ``review`` has something to say that time alone brings; None: no storm."""
        digests = (state.groups.get(_id(destination)) for destination in state.holding)
        return min((0 if group is None else _next_ms(group) for group in digests), default=None)

    def review(self, draft: Draft, now_ms: int) -> None:
        """Open, say again or close digests, and release what can be shown one by one now.

        Args:
            draft: fresh, of a state in which all flushes so far are saved.
            now_ms: the router's clock.
        """
        state = draft.state
        for gone in state.holding - self._destinations.keys():
            _release(draft, itertools.chain(*state.held_at(gone)), gone, now_ms)
        for destination in self._destinations.values():
            held = state.held_at(destination.id)
            count = sum(map(len, held))
            few = count <= MAX_RELEASED and len(state.unopened_at(destination.id)) < CALM_UNOPENED
            if held and (few or destination.retired):
                _release(draft, itertools.chain(*held), destination.id, now_ms)
            elif held:
                self._tell(draft, destination, held, now_ms)
            elif _id(destination.id) in state.groups:
                self._close(draft, destination, now_ms)

    def _tell(self, draft: Draft, destination: Destination, held: Sequence[AbstractSet[str]], now_ms: int) -> None:
        known = draft.group_to_read(_id(destination.id))
        if known is None:
            group = _group(destination, now_ms)
            draft.groups[group.id] = group
            return
        if now_ms < _next_ms(known):
            return
        group = draft.group(known.id) or known
        alert = _alert(draft, destination, held, group.created_ms, now_ms)
        before = group.log.get(destination.id)
        calls = before is not None and _calls_again(draft, before, held, now_ms)
        count = sum(map(len, held))
        changed, group.counted = group.counted != count, count
        called = now_ms if before is None or calls else called_ms(before)
        group.log[destination.id] = LogEntry(at_ms=now_ms, worst=worst([alert]), called_ms=called)
        if not changed and not calls:
            return
        notification = self._notification(group, destination, alert, now_ms)
        queue = queue_of(draft, group.id, destination.id)
        enqueue_firing(queue, notification, subject(notification), now_ms, calls_again=calls)
        follow(draft, queue.id, notification, self._destinations, now_ms, calls_again=calls)

    def _close(self, draft: Draft, destination: Destination, now_ms: int) -> None:
        group = draft.group(_id(destination.id))
        assert group is not None
        text = "no incidents are held back from here any more"
        alert = _made(destination, text, Severity.INFO, group.created_ms, now_ms)
        notification = self._notification(group, destination, alert, now_ms)
        queue = queue_of(draft, group.id, destination.id)
        enqueue_resolved(queue, notification if destination.send_resolved else None, now_ms)
        draft.drop_if_empty(queue)
        follow(draft, queue.id, notification, self._destinations, now_ms)
        draft.groups[group.id] = None

    def _notification(self, group: Group, destination: Destination, alert: Alert, now_ms: int) -> Notification:
        firing, resolved = ([alert], []) if alert.status == "firing" else ([], [alert])
        return notify(
            group,
            destination.receiver,
            firing,
            resolved,
            reason=MANY_INCIDENTS,
            now_ms=now_ms,
            external_url=self._external_url,
        )


def _id(destination: str) -> str:
    return digest("storm", destination)


def _next_ms(group: Group) -> int:
    """When a digest may be said again."""
    told = [entry.at_ms for entry in group.log.values()]
    return max(told) + AGAIN_MS if told else group.created_ms + FIRST_MS


def _group(destination: Destination, now_ms: int) -> Group:
    labels = {"alertname": ALERTNAME, "destination": destination.label}
    key = f'{{}}:{{alertname="{ALERTNAME}", destination="{destination.label}"}}'
    return Group(
        id=_id(destination.id), route_id=STORM_ROUTE, key=key, labels=labels, created_ms=now_ms, next_flush_ms=_NEVER_MS
    )


def _release(draft: Draft, held: Iterable[str], destination: str, now_ms: int) -> None:
    for group_id in list(held):
        group = draft.group(group_id)
        if group is not None:
            group.held.discard(destination)
            group.next_flush_ms = min(group.next_flush_ms, now_ms)


def _calls_again(draft: Draft, before: LogEntry, held: Sequence[AbstractSet[str]], now_ms: int) -> bool:
    """Whether people are called for a digest that is open: it is graver, or incidents have come since they were called."""
    if isinstance(before.worst, int) and _gravest(held) < before.worst:
        return True
    since_ms = called_ms(before)
    if now_ms < since_ms + CALL_AGAIN_MS:
        return False
    groups = (draft.group_to_read(group_id) for group_id in itertools.chain(*held))
    return any(group is not None and group.created_ms > since_ms for group in groups)


def _alert(
    draft: Draft, destination: Destination, held: Sequence[AbstractSet[str]], began_ms: int, now_ms: int
) -> Alert:
    rank = _gravest(held)
    names: Counter[str] = Counter()
    for group_id in itertools.islice(itertools.chain(*held), MAX_SURVEYED):
        for alert in _firing(draft, group_id):
            names[alert.labels.get("alertname", "?")] += 1
    text = f"and {sum(map(len, held)):,} more incidents, which are not shown here one by one"
    if names:
        text += f": {', '.join(name for name, _ in names.most_common(_MAX_NAMES))}"
    one = min(_firing(draft, next(iter(held[rank]))), key=lambda alert: severity(alert).rank, default=None)
    if one is not None:
        text += f". One of the gravest: {summary(one)}"
    text += ". `driftbell alerts` lists all; what is left is shown here when fewer wait."
    return _made(destination, text, list(Severity)[rank], began_ms, now_ms, firing=True)


def _gravest(held: Sequence[AbstractSet[str]]) -> int:
    return next(rank for rank, ids in enumerate(held) if ids)


def _firing(draft: Draft, group_id: str) -> Iterator[Alert]:
    group = draft.group_to_read(group_id)
    for member in () if group is None else itertools.islice(group.members, _OF_EACH):
        alert = draft.alert(member)
        if alert is not None and alert.status == "firing":
            yield alert


def _made(
    destination: Destination, text: str, grave: Severity, began_ms: int, now_ms: int, *, firing: bool = False
) -> Alert:
    # Without the severity: it is one alert for as long as the storm lasts.
    identity = {"alertname": ALERTNAME, "destination": destination.label}
    return Alert(
        id=digest("storm", destination.id, str(began_ms)),
        fingerprint=fingerprint(identity),
        status="firing" if firing else "resolved",
        labels=identity | {"severity": grave.value},
        annotations={"summary": text},
        startsAt=rfc3339(began_ms),
        endsAt=None if firing else rfc3339(now_ms),
        updatedAt=rfc3339(now_ms),
        episode=1,
        reason=MANY_INCIDENTS,
        evidence=Evidence(metric="incidents_held"),
    )
