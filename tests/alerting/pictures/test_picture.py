"""A page has its picture in time, or goes without."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from driftbell.alerting.pictures import picture as module
from driftbell.alerting.pictures.picture import Picture, Pictures
from driftbell.alerting.rendering.pictured import MAX_WITH_SERIES
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.deliveries import delivery
from tests.alerting.pictures.series import alert_with, series
from tests.alerting.rig import Rig


async def test_a_picture_is_drawn_once_for_all_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def draw(alert: Alert) -> Picture:
        drawn.append(alert.fingerprint)
        return Picture(b"png", "told")

    monkeypatch.setattr(module, "_drawn", draw)
    pictures, given = Pictures(), delivery(alerts=[alert_with(series())])
    found = [await pictures.of(given) for _ in range(3)]

    assert found == [Picture(b"png", "told")] * 3
    assert len(drawn) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [(ImportError("no PIL"), "messages have no pictures"), (ValueError("broken"), "no picture")],
)
async def test_what_fails_costs_no_page(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def fail(alert: Alert) -> Any:
        raise error

    monkeypatch.setattr(module, "_drawn", fail)
    pictures = Pictures()

    assert await pictures.of(delivery(alerts=[alert_with(series())])) is None
    assert said in caplog.text


async def test_a_page_does_not_wait_for_a_slow_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_drawn", lambda alert: time.sleep(0.5))
    started = asyncio.get_running_loop().time()

    assert await Pictures(patience_seconds=0.05).of(delivery(alerts=[alert_with(series())])) is None
    assert asyncio.get_running_loop().time() - started < 0.4


async def test_without_a_series_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_drawn", lambda alert: pytest.fail("drawn"))

    assert await Pictures().of(delivery()) is None


def test_a_notification_carries_one_series_that_of_the_headline() -> None:
    drift = alert_with(series(), labels={"model": "a", "family": "drift"})
    worse = alert_with(series(), labels={"model": "b", "family": "performance", "severity": "warning"})
    over = alert_with(series(), status="resolved", labels={"model": "c", "family": "performance"})
    kept = delivery(alerts=[drift, worse, over]).notification.alerts

    assert [alert.labels["model"] for alert in kept if alert.series is not None] == ["b"]
    assert len(kept) == 3


async def test_in_a_storm_no_more_series_are_kept() -> None:
    rig = await Rig({"group_by": ["..."], "group_wait": 3600}).start()
    alerts = [make_alert(labels={"model": f"m{number}"}) for number in range(MAX_WITH_SERIES)]
    await rig.push(alert_with(series(), labels={"model": "first"}))
    await rig.push(*alerts)
    await rig.push(alert_with(series(), labels={"model": "last"}, at_ms=START_MS + 1))
    kept = {
        entry.alert.labels["model"] for entry in rig.router.state.entries.values() if entry.alert and entry.alert.series
    }

    assert len(rig.router.state.firing.by_fingerprint) == MAX_WITH_SERIES + 2
    assert kept == {"first"}
