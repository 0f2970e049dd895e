"""The whole router process, and a person who asks why an alert went where, or did not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.life.acknowledging import firing_of
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.state import Draft
from driftbell.cli import main
from driftbell.exit_codes import ExitCode
from driftbell.fakes.faults import Fault
from driftbell.runtime.config.router import Route
from driftbell.why import explain
from tests.alerting.alerts import make_alert
from tests.alerting.process.test_service import configured, running
from tests.alerting.rig import Rig
from tests.alerting.vendors import Vendors, publish, until
from tests.services.embedded import EmbeddedBroker


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


@pytest.mark.slow
async def test_an_alert_is_explained_while_it_waits_while_it_is_silenced_and_when_it_is_over(
    vendors: Vendors,
    embedded_broker: EmbeddedBroker,
    redis_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = vendors.settings(embedded_broker.settings, redis=redis_url)
    file = tmp_path / "driftbell.yaml"
    file.write_text(json.dumps(settings))
    alert = make_alert(at_ms=int(time.time() * 1000))

    async def driftbell(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["--config", str(file), *arguments])
        return code, capsys.readouterr().out

    async def why() -> dict[str, Any]:
        _, out = await driftbell("why", alert.fingerprint, "--json")
        found: dict[str, Any] = json.loads(out)
        return found

    def at(found: dict[str, Any], label: str) -> dict[str, Any]:
        return next(one for one in found["places"][0]["told"] if one["destination"] == label)

    assert (await driftbell("why", alert.fingerprint))[0] == ExitCode.FOUND
    vendors.pagerduty.faults.add(Fault(status=503, body="down for maintenance"), 1000)
    async with running(configured(settings)):
        await publish(embedded_broker.settings, alert)
        await until(lambda: vendors.slack.messages, "the message")
        await until(lambda: vendors.pagerduty.events, "an attempt")
        await asyncio.sleep(0.2)
        found = await why()
        assert (found["status"], found["places"][0]["receiver"]) == ("firing", "oncall")
        assert at(found, "oncall/slack[0]")["knows"] is True
        [waiting] = at(found, "oncall/pagerduty[0]")["waiting"]
        assert (waiting["kind"], waiting["last_reason"]) == ("trigger", "server_error")
        assert "down for maintenance" in waiting["last_error"]

        await driftbell("silence", "add", f"model={alert.labels['model']}", "--comment", "known")
        [place] = (await why())["places"]
        assert [one["kind"] for one in place["held_back"]] == ["silenced"]

        vendors.pagerduty.faults.clear()
        await until(lambda: vendors.pagerduty.open, "the page", 30)
        await publish(embedded_broker.settings, make_alert("resolved", at_ms=int(time.time() * 1000)))
        await until(lambda: not vendors.pagerduty.open, "the close")
        await asyncio.sleep(0.3)
    code, text = await driftbell("why", alert.fingerprint)

    assert code == ExitCode.OK
    [timeline] = (await why())["timelines"]
    happened = [(one["what"], one.get("destination", "")) for one in timeline["happenings"]]
    assert ("first_notification", "oncall/pagerduty[0]") in happened
    assert ("server_error", "oncall/pagerduty[0]") in happened
    assert ("held_back", "") in happened
    assert happened[-1][0] == "sent"
    assert [what for what, where in happened if where == "oncall/pagerduty[0]"].count("sent") == 2, "opened and closed"
    assert "oncall/pagerduty[0]  server error; trigger, retry: " in text
    assert "it is in no group: it is over, and every channel was told" in text


async def test_it_takes_what_ack_takes() -> None:
    one = await Rig({"group_wait": 1}, destinations=("oncall/pagerduty[0]",)).start()
    await one.fire()
    await one.until(5)
    state, tree = one.router.state, compile_tree(Route(receiver="oncall"))
    [queue] = state.queues.values()
    [incident] = queue.incidents

    for asked in (queue.group_id, incident.id, queue.key, f"{queue.key}-2"):
        assert firing_of(Draft(state), asked, one.clock())
        found = explain(state, tree, [], asked, one.clock())
        assert [place.group for place in found.places] == [queue.group_id], asked
        assert [timeline.id for timeline in found.timelines] == [queue.group_id]
    assert not explain(state, tree, [], "nothing", one.clock()).is_known
