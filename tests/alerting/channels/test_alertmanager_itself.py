"""Forwarding to the real Alertmanager: what it takes and shows, and what it hears again after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.channels.alertmanager.alertmanager import AlertmanagerChannel
from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.keeper import Keeper
from driftbell.alerting.outbox.firing_there import firing_there
from driftbell.alerting.outbox.outcome import OutcomeReason
from driftbell.alerting.state.records import Kind
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.deliveries import HOSTILE, delivery, hostile_alert
from tests.alerting.rig import Rig
from tests.services.alertmanager import Alertmanager

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    config = {"route": {"receiver": "none", "group_by": ["..."]}, "receivers": [{"name": "none"}]}
    with Alertmanager(tmp_path, config) as started:
        yield started


def shown(server: Alertmanager) -> dict[str, dict[str, Any]]:
    """What fires there, by model."""
    status, alerts = server.call("GET", "/alerts")
    assert status == 200
    return {alert["labels"].get("model", ""): alert for alert in alerts}


async def test_an_alert_is_there_until_its_close(server: Alertmanager) -> None:
    now_ms = round(time.time() * 1000)
    async with new_session() as session:
        channel = AlertmanagerChannel(session, [f"http://127.0.0.1:{server.port}"])
        firing = make_alert(at_ms=now_ms - 60_000)
        assert (await channel.send(delivery(alerts=[firing]))).reason is OutcomeReason.SENT
        alert = shown(server)["fraud"]
        over = make_alert("resolved", at_ms=now_ms, started_ms=now_ms - 60_000)
        assert (await channel.send(delivery(Kind.RESOLVE, [over]))).reason is OutcomeReason.SENT

    assert alert["fingerprint"] == firing.fingerprint
    assert alert["annotations"]["measured"].startswith("Error rate 9.8 %")
    assert alert["annotations"]["runbook_url"] == "https://runbooks.example.org/error-rate"
    assert shown(server) == {}


async def test_it_takes_hostile_alerts_as_they_are_sent(server: Alertmanager) -> None:
    alerts = [hostile_alert(text) for text in HOSTILE]
    alerts += [make_alert(labels={"model": "x", name: "v"}) for name in ("a-b", "1st", "ä", "", "a\nb", "__name__")]
    alerts.append(make_alert(at_ms=START_MS, startsAt="2099-01-01T00:00:00Z"))
    async with new_session() as session:
        channel = AlertmanagerChannel(session, [f"http://127.0.0.1:{server.port}/"])
        outcome = await channel.send(delivery(alerts=alerts))

    assert outcome.reason is OutcomeReason.SENT, outcome


async def test_after_a_restart_it_hears_again_what_fires(server: Alertmanager) -> None:
    async with new_session() as session:
        channel = AlertmanagerChannel(
            session, [f"http://127.0.0.1:{server.port}"], keep_seconds=0.2, resolve_after_seconds=1.0
        )
        name = "oncall/alertmanager[0]"
        rig = await Rig({"group_wait": 0, "group_interval": 1}, destinations=[name], channels={name: channel}).start()  # type: ignore[dict-item]
        await rig.fire("fraud")
        await rig.until(1)
        assert shown(server).keys() == {"fraud"}
        # Nobody says it again: it is taken for over.
        await asyncio.sleep(1.2)
        assert shown(server) == {}

        stop = asyncio.Event()
        again = Keeper(name, channel, lambda: firing_there(rig.router.state, name), rig.router.heartbeat)
        keeper = asyncio.create_task(again.run(stop))
        await asyncio.sleep(1.5)
        assert shown(server).keys() == {"fraud"}
        await asyncio.to_thread(server.restart)
        await asyncio.sleep(0.6)
        assert shown(server).keys() == {"fraud"}

        await rig.resolve("fraud")
        await rig.until(5)
        assert shown(server) == {}
        await asyncio.sleep(0.5)
        assert shown(server) == {}
        stop.set()
        await keeper
