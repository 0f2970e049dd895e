"""Alerts posted by others: read, checked, and handed to the leader. When the answer is 200, they are saved."""

from __future__ import annotations

import asyncio

from driftbell.alerting.api.port import ApiPort
from driftbell.alerting.api.wire.alert_body import alerts_of, checked
from driftbell.alerting.api.wire.refusal import refused
from driftbell.alerting.state.posted_alerts.posted import PostedAlert

#: Alerts between two turns of the event loop.
_AT_ONCE = 200


async def post(port: ApiPort, data: bytes) -> None:
    """``POST /api/v2/alerts``: what is right is taken, whatever is wrong with the rest."""
    now_ms = port.now_ms()
    resolve_timeout_ms = round(port.rules.settings.global_.resolve_timeout * 1000)
    good: list[PostedAlert] = []
    errors: list[str] = []
    for index, alert in enumerate(alerts_of(data)):
        if index % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
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
