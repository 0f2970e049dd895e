"""Alerts and groups as the API shows them: which, in what order, and what holds each back."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from driftbell.alerting.api.port import Rules
from driftbell.alerting.api.wire.query import AlertQuery
from driftbell.alerting.muting.muter import MuteContext, Muted, MuteKind, muted
from driftbell.alerting.rendering.notification import labels_order, order
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
_SORTED_AT_ONCE = 2_000

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

    async def alerts(self, query: AlertQuery) -> list[msgspec.Raw]:
        """What fires and is asked for, by fingerprint: ``GET /api/v2/alerts``. Each is encoded already."""
        found = []
        async for alert in _in_turns(list(self.state.firing)):
            receivers = [node.options.receiver for node in self.rules.tree.match(alert.labels)]
            if query.receiver is not None and not any(query.receiver.matches(name) for name in receivers):
                continue
            if self._wanted(alert, query):
                found.append((fingerprint(alert.labels), self._shown(alert, receivers)))
        return [shown for _, shown in sorted(found, key=itemgetter(0))]

    async def groups(self, query: AlertQuery) -> list[dict[str, Any]]:
        """The groups of what fires and is asked for: ``GET /api/v2/alerts/groups``. Alerts are encoded already."""
        nodes = {node.id: node for node in self.rules.tree.walk()}
        wanted: list[tuple[Node, Group, list[Alert]]] = []
        receivers: dict[str, list[str]] = {}
        firing = self.state.firing.by_fingerprint
        async for group in _in_turns(list(self.state.groups.values())):
            node = nodes.get(group.route_id)
            if node is None or (query.receiver is not None and not query.receiver.matches(node.options.receiver)):
                continue
            alerts = []
            async for member in _in_turns(list(group.members)):
                alert = firing.get(member)
                if alert is not None and self._wanted(alert, query):
                    alerts.append(alert)
                    receivers.setdefault(member, []).append(node.options.receiver)
            if alerts:
                wanted.append((node, group, alerts))
        wanted.sort(key=lambda one: (labels_order(one[1].labels), one[0].options.receiver))
        groups = []
        for node, group, alerts in wanted:
            in_order = await _sorted(alerts)
            shown = [self._shown(one, sorted(receivers[one.fingerprint])) async for one in _in_turns(in_order)]
            groups.append({"alerts": shown, "labels": group.labels, "receiver": {"name": node.options.receiver}})
        return groups

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

    def _shown(self, alert: Alert, receivers: Iterable[str]) -> msgspec.Raw:
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
        return msgspec.Raw(msgspec.json.encode(shown))

    def _ends_ms(self, alert: Alert) -> int:
        posted = self._posted(alert)
        if posted is not None:
            return posted.ends_ms
        # driftbell's own have no end while they fire; readers of the API want one, as of an alert that is sent again.
        return self.now_ms + round(self.rules.settings.global_.resolve_timeout * 1000)


def _suppressed(by: Muted) -> bool:
    return bool(by.ids(MuteKind.SILENCED) or by.ids(MuteKind.INHIBITED))


async def _sorted(alerts: list[Alert]) -> list[Alert]:
    """The alerts of a group in their order, a part at a time."""
    parts = []
    for first in range(0, len(alerts), _SORTED_AT_ONCE):
        parts.append(sorted(((order(one), one) for one in alerts[first : first + _SORTED_AT_ONCE]), key=itemgetter(0)))
        await asyncio.sleep(0)
    if len(parts) == 1:
        return [alert for _, alert in parts[0]]
    found = []
    for index, (_, alert) in enumerate(heapq.merge(*parts, key=itemgetter(0))):
        if index % _SORTED_AT_ONCE == _SORTED_AT_ONCE - 1:
            await asyncio.sleep(0)
        found.append(alert)
    return found


async def _in_turns(items: list[T]) -> AsyncIterator[T]:
    """The items, with the event loop let go now and then: there may be tens of thousands."""
    for index, item in enumerate(items):
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        yield item
