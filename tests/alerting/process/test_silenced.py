"""The whole router process, and people who silence it from another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from driftbell.alerting.commands.asking import ask, silences
from driftbell.alerting.process.service import group_of
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.silence import Command, ExpireSilence, PutSilence, SilenceMatcher
from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import connect
from tests.alerting.alerts import make_alert
from tests.alerting.process.test_service import configured, running
from tests.alerting.vendors import Vendors, publish, until
from tests.services.embedded import EmbeddedBroker


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


@pytest.mark.slow
async def test_a_silence_holds_a_page_back_until_it_is_expired(
    vendors: Vendors, embedded_broker: EmbeddedBroker, redis_url: str
) -> None:
    config = configured({**vendors.settings(embedded_broker.settings), "redis": {"url": redis_url}})
    people = RedisStore(connect(Redis(url=redis_url)), group_of(config))
    now_ms = int(time.time() * 1000)
    put = PutSilence(matchers=(SilenceMatcher(name="model", value="fraud"),), ends_ms=now_ms + 3_600_000)
    try:
        async with running(config):
            added = await ask(people, Command(id="c1", action=put), seconds=10)
            await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
            await publish(embedded_broker.settings, make_alert(at_ms=now_ms, labels={"model": "churn"}))
            await until(lambda: vendors.pagerduty.open, "the page that is not silenced")
            await asyncio.sleep(1)
            assert [incident.summary.split()[4] for incident in vendors.pagerduty.incidents] == ["churn"]

            expired = await ask(people, Command(id="c2", action=ExpireSilence(silence_id="c1")), seconds=10)
            await until(lambda: len(vendors.pagerduty.open) == 2, "the page that was silenced")
        async with running(config):
            assert [silence.id for silence in await silences(people)] == ["c1"]
    finally:
        await people.close()

    assert (added.reason, expired.reason) == ("added", "expired")
