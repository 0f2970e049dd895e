"""Alerts posted by others: read, checked, and handed to the leader. When the answer is 200, they are saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from driftbell.alerting.api.port import ApiPort
from driftbell.alerting.api.wire.alert_body import alert_of, check_whole, checked, parts_of
from driftbell.alerting.api.wire.refusal import refused
from driftbell.alerting.state.posted_alerts.posted import PostedAlert

T = TypeVar("T")

#: Alerts between two turns of the event loop; an alert with many labels and annotations counts for several.
_AT_ONCE, _PAIRS_OF_ONE = 200, 20


async def post(port: ApiPort, data: bytes) -> None:
    """``POST /api/v2/alerts``: what is right is taken, whatever is wrong with the rest."""
    now_ms = port.now_ms()
    resolve_timeout_ms = round(port.rules.settings.global_.resolve_timeout * 1000)
    good: list[PostedAlert] = []
    errors: list[str] = []
    parts = parts_of(data)
    alerts = [alert_of(part) async for _, part in _in_turns(parts)]
    async for index, alert in _in_turns(alerts):
        check_whole(index, parts[index], alert)
    async for _, alert in _in_turns(alerts):
        found = checked(alert, now_ms, resolve_timeout_ms)
        if found.alert is None:
            errors.append(found.error)
        else:
            good.append(found.alert)
    too_many = await port.post(good) if good else ""
    if errors:
        # Long enough to find the first mistakes, short enough for whoever logs it.
        raise refused(400, "; ".join(errors)[:100_000])
    if too_many:
        raise refused(503, too_many)


async def _in_turns(items: Sequence[T]) -> AsyncIterator[tuple[int, T]]:
    """The items with their numbers, with the event loop let go now and then."""
    size = 0
    for index, item in enumerate(items):
        size += 1 + _pairs(item) // _PAIRS_OF_ONE
        if size >= _AT_ONCE:
            size = 0
            await asyncio.sleep(0)
        yield index, item


def _pairs(item: object) -> int:
    if isinstance(item, PostedAlert):
        return len(item.labels) + len(item.annotations)
    if isinstance(item, dict):
        return len(item) + sum(len(value) for value in item.values() if isinstance(value, dict))
    return 0
