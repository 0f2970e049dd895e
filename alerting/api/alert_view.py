"""Alerts and groups as the API shows them: which, in what order, and what holds each back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any, TypeVar

from driftbell.alerting.api.port import Rules
from driftbell.alerting.api.wire.query import AlertQuery
from driftbell.alerting.muting.muter import MuteContext, Muted, MuteKind, muted
from driftbell.alerting.rendering.notification import compare, compare_labels
from driftbell.alerting.routing.routes import Node
from driftbell.alerting.state.posted_alerts.posted import Posted
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.state import State
from driftbell.alerting.times import rfc3339, to_ms
from driftbell.runtime.matching.matchers import all_match
from driftbell.schemas import Alert, fingerprint

T = TypeVar("T")

#: Alerts between two turns of the event loop.
_AT_ONCE = 200

#: Stands for the group in a question that no group is part of: a route's time intervals do not belong to an alert.
_NO_GROUP = Group(id="", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)


@dataclass(frozen=True, slots=True)
class AlertView:
    """One look at the state.

    Args:
        state: at this moment; to be read only.
        rules: in force.
        now_ms: epoch milliseconds.
    """

    state: State
    rules: Rules
    now_ms: int
    _muted: dict[str, Muted] = field(default_factory=dict)

    async def alerts(self, query: AlertQuery) -> list[dict[str, Any]]:
        """What fires and is asked for, by fingerprint: ``GET /api/v2/alerts``."""
        found = []
        async for alert in _in_turns(list(self.state.firing)):
            receivers = [node.options.receiver for node in self.rules.tree.match(alert.labels)]
            if query.receiver is not None and not any(query.receiver.matches(name) for name in receivers):
                continue
            if self._wanted(alert, query):
                found.append(self._shown(alert, receivers))
        return sorted(found, key=lambda shown: str(shown["fingerprint"]))

    async def groups(self, query: AlertQuery) -> list[dict[str, Any]]:
        """The groups of what fires and is asked for: ``GET /api/v2/alerts/groups``."""
        nodes = {node.id: node for node in self.rules.tree.walk()}
        wanted: list[tuple[Node, Group, list[Alert]]] = []
        receivers: dict[str, list[str]] = {}
        firing = self.state.firing.by_fingerprint
        async for group in _in_turns(list(self.state.groups.values())):
            node = nodes.get(group.route_id)
            if node is None or (query.receiver is not None and not query.receiver.matches(node.options.receiver)):
                continue
            members = (firing.get(member) for member in group.members)
            alerts = [alert for alert in members if alert is not None and self._wanted(alert, query)]
            for alert in alerts:
                receivers.setdefault(alert.fingerprint, []).append(node.options.receiver)
            if alerts:
                wanted.append((node, group, alerts))
        shown = []
        wanted.sort(key=cmp_to_key(_compare_groups))
        async for node, group, alerts in _in_turns(wanted):
            alerts.sort(key=cmp_to_key(compare))
            shown.append(
                {
                    "alerts": [self._shown(alert, sorted(receivers[alert.fingerprint])) for alert in alerts],
                    "labels": group.labels,
                    "receiver": {"name": node.options.receiver},
                }
            )
        return shown

    def _posted(self, alert: Alert) -> Posted | None:
        entry = self.state.entries.get(alert.fingerprint)
        return None if entry is None else entry.posted

    def _wanted(self, alert: Alert, query: AlertQuery) -> bool:
        posted = self._posted(alert)
        if posted is not None and posted.ends_ms < self.now_ms:
            return False
        by = self._mutes(alert)
        if not query.active and not _suppressed(by):
            return False
        if not query.silenced and by.ids(MuteKind.SILENCED):
            return False
        if not query.inhibited and by.ids(MuteKind.INHIBITED):
            return False
        return all_match(query.matchers, alert.labels)

    def _mutes(self, alert: Alert) -> Muted:
        known = self._muted.get(alert.fingerprint)
        if known is None:
            context = MuteContext(None, _NO_GROUP, self.state.firing, self.now_ms, self.state.silences)
            known = self._muted[alert.fingerprint] = muted(self.rules.muters, alert, context)
        return known

    def _shown(self, alert: Alert, receivers: Iterable[str]) -> dict[str, Any]:
        by = self._mutes(alert)
        shown: dict[str, Any] = {
            "annotations": alert.annotations,
            "endsAt": rfc3339(self._ends_ms(alert)),
            "fingerprint": fingerprint(alert.labels),
            "receivers": [{"name": name} for name in receivers],
            "startsAt": rfc3339(to_ms(alert.startsAt)),
            "status": {
                "inhibitedBy": list(by.ids(MuteKind.INHIBITED)),
                "silencedBy": list(by.ids(MuteKind.SILENCED)),
                "state": "suppressed" if _suppressed(by) else "active",
            },
            "updatedAt": rfc3339(to_ms(alert.updatedAt)),
            "labels": alert.labels,
        }
        if alert.generatorURL:
            shown["generatorURL"] = alert.generatorURL
        return shown

    def _ends_ms(self, alert: Alert) -> int:
        posted = self._posted(alert)
        if posted is not None:
            return posted.ends_ms
        # driftbell's own have no end while they fire; readers of the API want one, as of an alert that is sent again.
        return self.now_ms + round(self.rules.settings.global_.resolve_timeout * 1000)


def _suppressed(by: Muted) -> bool:
    return bool(by.ids(MuteKind.SILENCED) or by.ids(MuteKind.INHIBITED))


def _compare_groups(one: tuple[Node, Group, list[Alert]], other: tuple[Node, Group, list[Alert]]) -> int:
    """Alertmanager's order: by the group's labels, then by receiver."""
    mine, theirs = one[1].labels, other[1].labels
    if mine != theirs:
        return compare_labels(mine, theirs)
    names = one[0].options.receiver, other[0].options.receiver
    return -1 if names[0] < names[1] else int(names[0] > names[1])


async def _in_turns(items: list[T]) -> AsyncIterator[T]:
    """The items, with the event loop let go now and then: there may be tens of thousands."""
    for index, item in enumerate(items):
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        yield item
