"""The whole router process, and a person who takes an incident on from the command line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from driftbell.alerting.channels.slack.buttons import ACKNOWLEDGE, GIVE_BACK, SILENCE
from driftbell.cli import main
from tests.alerting.alerts import make_alert
from tests.alerting.inbound.people import (
    APP_TOKEN,
    SIGNING_SECRET,
    SocketMode,
    pagerduty_event,
    pagerduty_request,
    pressed,
    slack_request,
)
from tests.alerting.process.test_service import configured, running
from tests.alerting.vendors import Vendors, publish, until
from tests.services.embedded import EmbeddedBroker
from tests.services.ports import claim_port


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


@pytest.mark.slow
async def test_an_acknowledgement_from_the_command_line_shows_on_every_channel_and_survives_a_restart(
    vendors: Vendors,
    embedded_broker: EmbeddedBroker,
    redis_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = vendors.settings(embedded_broker.settings, redis=redis_url)
    settings["router"]["route"]["repeat_interval"] = 0.3
    file = tmp_path / "driftbell.yaml"
    file.write_text(json.dumps(settings))
    config = configured(settings)
    alert = make_alert(at_ms=int(time.time() * 1000))

    async def driftbell(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["--config", str(file), *arguments])
        return code, capsys.readouterr().out

    async with running(config):
        await publish(embedded_broker.settings, alert)
        await until(lambda: vendors.pagerduty.open, "the page")
        await until(lambda: vendors.slack.messages, "the message")
        [incident] = vendors.pagerduty.open
        code, out = await driftbell("ack", incident.dedup_key, "--by", "ann", "--comment", "rolling back")
        assert (code, out) == (0, f"acknowledged: {alert.fingerprint}\n")
        await until(lambda: incident.acknowledged, "the acknowledgement at PagerDuty")
        await until(lambda: "acknowledged by ann (rolling back)" in vendors.slack.messages[0].everything, "Slack")
        await until(lambda: any("acknowledged by ann" in mail.text for mail in vendors.smtp.mails), "the mail")
    events, mails = len(vendors.pagerduty.events), len(vendors.smtp.mails)
    async with running(config):
        # Five times the repeat_interval.
        await asyncio.sleep(1.5)
        assert (len(vendors.pagerduty.events), len(vendors.smtp.mails)) == (events, mails)
        code, out = await driftbell("unack", alert.fingerprint, "--json")
        assert json.loads(out) == {"incident": alert.fingerprint, "result": "given_back", "alerts": [alert.fingerprint]}
        await until(lambda: len(vendors.pagerduty.open) == 2, "another call")
        assert (await driftbell("snooze", alert.fingerprint, "--for", "1500ms"))[0] == 0
        await until(lambda: all(one.acknowledged for one in vendors.pagerduty.open), "the snooze at PagerDuty")
        await until(lambda: len(vendors.pagerduty.open) == 3, "the end of the snooze")
        await publish(embedded_broker.settings, make_alert("resolved", at_ms=int(time.time() * 1000)))
        await until(lambda: not vendors.pagerduty.open, "the close of all")
        assert (await driftbell("ack", alert.fingerprint))[0] == 1
    assert len(vendors.pagerduty.incidents) == 3


@pytest.mark.slow
async def test_a_button_in_slack_shows_at_pagerduty_and_what_is_done_there_shows_in_slack(
    vendors: Vendors, embedded_broker: EmbeddedBroker, redis_url: str
) -> None:
    api_port = claim_port()
    settings = vendors.settings(
        embedded_broker.settings,
        redis=redis_url,
        api={"listen": f"127.0.0.1:{api_port}", "bearer_token": "token"},
        pagerduty_webhook={"signing_secret": "pagerduty-secret"},
    )
    url = f"http://127.0.0.1:{api_port}"
    async with SocketMode() as slack, aiohttp.ClientSession(url) as http:
        settings["router"]["slack_app"] = {
            "app_token": APP_TOKEN,
            "signing_secret": SIGNING_SECRET,
            "web_api_url": slack.api_url,
        }

        async def send(path: str, request: tuple[bytes, dict[str, str]]) -> int:
            async with http.post(path, data=request[0], headers=request[1]) as answer:
                return answer.status

        async with running(configured(settings)):
            await slack.connected()
            await publish(embedded_broker.settings, make_alert(at_ms=int(time.time() * 1000)))
            await until(lambda: vendors.pagerduty.open and vendors.slack.roots, "the page")
            [incident], [root] = vendors.pagerduty.open, vendors.slack.roots

            assert await slack.press(pressed(root, ACKNOWLEDGE))
            await until(lambda: incident.acknowledged, "the acknowledgement at PagerDuty")
            await until(lambda: "acknowledged by @ann" in root.everything, "the acknowledgement in Slack")
            assert await send("/slack/actions", slack_request(pressed(root, GIVE_BACK))) == 200
            await until(lambda: len(vendors.pagerduty.open) == 2, "another call")
            await until(lambda: "acknowledged" not in root.everything.lower().replace("acknowledge\n", ""), "Slack")

            again = vendors.pagerduty.open[-1].dedup_key
            event = pagerduty_event("incident.acknowledged", again)
            assert await send("/pagerduty/webhook", pagerduty_request(event, "wrong")) == 401
            assert await send("/pagerduty/webhook", pagerduty_request(event, "old", "pagerduty-secret")) == 200
            await until(lambda: "acknowledged by Ann Lee" in root.everything, "the acknowledgement in Slack")

            assert await slack.press(pressed(root, SILENCE))
            async with http.get("/api/v2/silences", headers={"Authorization": "Bearer token"}) as answer:
                [silence] = await answer.json()
            assert (silence["createdBy"], silence["status"]) == ("@ann", {"state": "active"})
            assert {one["name"]: one["value"] for one in silence["matchers"]}["model"] == "fraud"
            await publish(embedded_broker.settings, make_alert("resolved", at_ms=int(time.time() * 1000)))
            await until(lambda: not vendors.pagerduty.open, "the close of all")
        assert slack.violations == []
