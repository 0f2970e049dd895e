"""The same scripts through Alertmanager 0.25 and through our core: the same notifications, with the same content, in time.

Our side runs on the virtual clock, so that the core, which thousands of other cases test, is tied to the real thing.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import aiohttp
import pytest

from driftbell.alerting.channels.webhook.webhook import payload
from driftbell.schemas import fingerprint
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Rig
from tests.services.alertmanager import Alertmanager, Hook

Action = Literal["fire", "resolve"]
#: Seconds, what happens, to which models.
Script = Sequence[tuple[float, Action, str]]

#: Whole seconds are flushes; what is done lies between them.
SCRIPTS: dict[str, Script] = {
    "batching": [
        (0, "fire", "a"),
        (0.5, "fire", "b"),
        (1.5, "fire", "c"),
        (2.5, "resolve", "b"),
        (3.5, "resolve", "ac"),
    ],
    "over-within-group-wait": [(0, "fire", "a"), (0.4, "resolve", "a")],
    "repeat": [(0, "fire", "a"), (8.5, "resolve", "a")],
    "flapping": [(0, "fire", "a"), (1.3, "resolve", "a"), (1.6, "fire", "a"), (3.5, "resolve", "a")],
    "one-over-one-new": [(0, "fire", "ab"), (1.5, "resolve", "a"), (1.6, "fire", "c"), (3.5, "resolve", "bc")],
    "all-over-and-again": [(0, "fire", "a"), (1.5, "resolve", "a"), (2.4, "fire", "a"), (4.5, "resolve", "a")],
}
END = 10.0
#: Seconds. A machine that is busy with other tests may act on the wrong side of a flush; the scripts then are played again.
PUNCTUAL = 0.2
#: A repeat_interval that is a multiple of group_interval would make Alertmanager's repeats depend on microseconds.
TIMERS = {"group_by": ["script"], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "2500ms"}
OURS = {"group_by": ["script"], "group_wait": 1, "group_interval": 1, "repeat_interval": 2.5}


def config(hook: str) -> dict[str, Any]:
    receiver = {"name": "web.hook", "webhook_configs": [{"url": hook}]}
    return {"route": {"receiver": "web.hook", **TIMERS}, "receivers": [receiver]}


def labels_of(script: str, model: str) -> dict[str, str]:
    return {"alertname": "ErrorRateRose", "model": model, "script": script, "severity": "critical", "version": "3"}


async def play(script: str, base: float, http: aiohttp.ClientSession) -> float:
    """One script against the real one. Returns by how many seconds it was late at most."""
    started: dict[str, str] = {}
    late = 0.0
    for at, action, models in SCRIPTS[script]:
        await asyncio.sleep(max(0, base + at - time.time()))
        now = datetime.now(UTC).isoformat()
        alerts = []
        for model in models:
            if action == "fire":
                started[model] = now
            alert = {
                "labels": labels_of(script, model),
                "annotations": {"summary": f"{model} is ill"},
                "startsAt": started[model],
            }
            alerts.append(alert if action == "fire" else {**alert, "endsAt": now})
        async with http.post("/api/v2/alerts", json=alerts) as answer:
            assert answer.status == 200, await answer.text()
        late = max(late, time.time() - base - at)
    return late


async def rehearse(script: str) -> Rig:
    """The same on our core."""
    rig = await Rig({**OURS, "receiver": "web.hook"}, destinations=["web.hook/webhook[0]"]).start()
    episodes: dict[str, int] = defaultdict(int)
    started: dict[str, int] = {}
    for at, action, models in SCRIPTS[script]:
        await rig.until(at)
        for model in models:
            if action == "fire":
                episodes[model] += 1
                started[model] = rig.clock()
            await rig.push(
                make_alert(
                    "firing" if action == "fire" else "resolved",
                    at_ms=rig.clock(),
                    started_ms=started[model],
                    episode=episodes[model],
                    labels=labels_of(script, model),
                    annotations={"summary": f"{model} is ill", "runbook_url": ""},
                )
            )
    await rig.until(END)
    return rig


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """What Alertmanager sent for every script, all played at once; times in seconds since the first action."""

    async def run() -> dict[str, list[tuple[float, dict[str, Any]]]] | None:
        async with Hook() as hook:
            with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config(f"{hook.address}/")) as server:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
                    base = time.time() + 0.2
                    late = await asyncio.gather(*(play(script, base, http) for script in SCRIPTS))
                    await asyncio.sleep(max(0, base + END + 0.5 - time.time()))
        if max(late) > PUNCTUAL:
            return None
        sent: dict[str, list[tuple[float, dict[str, Any]]]] = {script: [] for script in SCRIPTS}
        for at, body in hook.taken:
            sent[body["groupLabels"]["script"]].append((at - base, body))
        return sent

    for _ in range(3):
        found = asyncio.run(run())
        if found is not None:
            return found
    pytest.fail("this machine is too busy to play a script in time")


def said(body: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Status, models that fire, models that are over."""
    by_status: dict[str, list[str]] = {"firing": [], "resolved": []}
    for alert in body["alerts"]:
        by_status[alert["status"]].append(alert["labels"]["model"])
    return body["status"], by_status["firing"], by_status["resolved"]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
async def test_the_same_notifications_at_the_same_time(
    script: str, theirs: dict[str, list[tuple[float, dict[str, Any]]]]
) -> None:
    rig = await rehearse(script)
    ours = [(arrival.at, payload(arrival.delivery)) for arrival in rig.channels["web.hook/webhook[0]"].arrivals]

    assert [said(body) for _, body in ours] == [said(body) for _, body in theirs[script]]
    for (at, _), (their_at, _) in zip(ours, theirs[script], strict=True):
        # Their clock is the machine's, which other tests share.
        assert abs(at - their_at) < 0.45


@pytest.mark.parametrize("script", ["batching", "one-over-one-new"])
async def test_the_same_document(script: str, theirs: dict[str, list[tuple[float, dict[str, Any]]]]) -> None:
    rig = await rehearse(script)
    for arrival, (_, body) in zip(rig.channels["web.hook/webhook[0]"].arrivals, theirs[script], strict=True):
        document = payload(arrival.delivery)
        for field in ("version", "receiver", "status", "groupKey", "groupLabels", "commonLabels", "truncatedAlerts"):
            assert document[field] == body[field], field
        assert document.keys() >= body.keys()
        for our_alert, alert in zip(document["alerts"], body["alerts"], strict=True):
            for field in ("status", "labels", "fingerprint"):
                assert our_alert[field] == alert[field], field
            assert our_alert["annotations"]["summary"] == alert["annotations"]["summary"]
            assert our_alert.keys() >= alert.keys()
            assert (our_alert["endsAt"] == "0001-01-01T00:00:00Z") is (alert["endsAt"] == "0001-01-01T00:00:00Z")


def test_the_fingerprint_is_alertmanagers(theirs: dict[str, list[tuple[float, dict[str, Any]]]]) -> None:
    [(_, body), *_] = theirs["batching"]
    for alert in body["alerts"]:
        assert fingerprint(alert["labels"]) == alert["fingerprint"]
