"""``driftbell canary`` beside a worker and a router that run: to Slack, PagerDuty and email and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.canary.records import labels, transition
from driftbell.fakes.faults import Fault
from driftbell.schemas import encode_alert
from tests.alerting.process.test_service import configured
from tests.alerting.vendors import Vendors, publish_raw, until
from tests.e2e.rig import Rig
from tests.pipeline.worker_process import RouterProcess
from tests.services import KafkaCluster

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(120)]

CHANNELS = ["oncall/email[0]", "oncall/pagerduty[0]", "oncall/slack[0]"]


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig.make(kafka, redis_url, tmp_path, partitions=2)
    yield made
    made.end()


class Pipeline:
    """A worker, a router, vendors, and the file by which a canary knows them."""

    def __init__(self, rig: Rig, vendors: Vendors) -> None:
        base: dict[str, Any] = msgspec.to_builtins(rig.config)
        routed = vendors.settings(dict(rig.kafka.settings))["router"]
        self.settings = {**base, "router": routed}
        self.vendors, self.rig = vendors, rig
        self.file = rig.folder / "canary.yaml"
        self.file.write_text(json.dumps(self.settings))
        self.router = RouterProcess(rig.folder / "router", configured(self.settings))

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        command = ("-m", "driftbell", "canary", "--config", str(self.file), *arguments)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, *command, stdout=pipe, stderr=pipe)

    async def fly(self, *arguments: str) -> tuple[int | None, dict[str, Any]]:
        process = await self.start("--json", *arguments)
        out, err = await process.communicate()
        assert out, err.decode()
        return process.returncode, json.loads(out)

    @property
    def nothing_is_open(self) -> bool:
        return not self.vendors.pagerduty.open


@contextlib.asynccontextmanager
async def pipeline(rig: Rig) -> AsyncIterator[Pipeline]:
    async with Vendors() as vendors:
        made = Pipeline(rig, vendors)
        worker = rig.start_worker()
        made.router.launch()
        try:
            await asyncio.to_thread(worker.wait_until_it_answers)
            await asyncio.to_thread(made.router.wait_until_it_answers)
            yield made
        finally:
            await asyncio.to_thread(made.router.stop)
            await asyncio.to_thread(worker.stop)


async def test_it_arrives_everywhere_and_nothing_stays_open_whatever_happens_to_it(rig: Rig) -> None:
    async with pipeline(rig) as running:
        vendors = running.vendors
        code, flown = await running.fly("--timeout", "30s")
        assert (code, flown["arrived"]) == (0, True), flown
        assert [one["destination"] for one in flown["hops"] if one["step"] == "page_taken"] == CHANNELS
        assert [one["step"] for one in flown["hops"] if one["step"] != "page_taken"] == [
            *("prediction_published", "prediction_saved", "alert_published", "alert_read"),
            *("resolve_published", "closed"),
        ]
        assert all(one["seconds"] < 30 for one in flown["hops"])
        assert running.nothing_is_open and len(vendors.slack.roots) == 1

        # One that was killed between its alert and its resolve; the next closes what it left.
        now_ms = time.time_ns() // 1_000_000
        killed = transition("driftbell-canary", now_ms, "firing", started_ms=now_ms, now_ms=now_ms)
        assert killed.labels == labels("driftbell-canary") and killed.fingerprint == flown["fingerprint"]
        await publish_raw(
            running.settings["kafka"], (encode_alert(killed), killed.fingerprint), topic=rig.config.topics.alerts
        )
        await until(lambda: vendors.pagerduty.open, "what the killed one opened", 20)
        code, flown = await running.fly("--timeout", "30s")
        assert (code, flown["hops"][0]["step"]) == (0, "earlier_closed"), flown
        assert running.nothing_is_open

        # A channel that is down is named, and the others are closed.
        vendors.slack.faults.add(Fault(status=503, body="down"), 1000)
        code, flown = await running.fly("--timeout", "3s")
        assert (code, flown["arrived"]) == (1, False)
        missed = [(one["step"], one.get("destination")) for one in flown["hops"] if one["arrival"] != "arrived"]
        assert missed[0] == ("page_taken", "oncall/slack[0]"), flown
        assert all(one["look_at"] for one in flown["hops"] if one["arrival"] != "arrived")
        await until(lambda: running.nothing_is_open, "all is closed", 20)

        # SIGTERM in the middle: the resolve is published all the same.
        process = await running.start("--timeout", "60s")
        await until(lambda: vendors.pagerduty.open, "the page of the one that is stopped", 20)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
        assert process.returncode == 130, err.decode()
        await until(lambda: running.nothing_is_open, "all is closed", 20)
