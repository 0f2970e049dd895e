"""The router takes another configuration while it runs, and refuses one with a mistake."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from driftbell.alerting.channels.registry import MODEL, build
from driftbell.alerting.errors import StoreUnavailableError
from driftbell.alerting.process import service
from driftbell.alerting.process.reloading.effective import effective
from driftbell.alerting.process.reloading.plan import plan_of
from driftbell.alerting.process.reloading.reload import ReloadReason, Source, needs_restart, problems_of
from driftbell.alerting.state.memory import MemoryStore
from driftbell.configured import InvalidConfigurationError, RouterConfiguration
from driftbell.runtime.config.model import Config
from tests.alerting.alerts import make_alert
from tests.alerting.vendors import ROUTING_KEY, Vendors, publish, until
from tests.services.embedded import EmbeddedBroker

OTHER_KEY = "s" * 32


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


class RouterProcess:
    """``driftbell router`` with a file that can be written again."""

    def __init__(self, process: asyncio.subprocess.Process, file: Path, log: Path, port: int) -> None:
        self.process, self.file, self.log, self.port = process, file, log, port

    def write(self, settings: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump(settings))

    async def metric(self, name: str) -> float:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = await answer.text()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    async def reload(self, result: str) -> None:
        """SIGHUP, and wait for what comes of it."""
        name = f'driftbell_router_config_reloads_total{{result="{result}"}}'
        before = await self.metric(name)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while await self.metric(name) == before:
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def router_process(settings: dict[str, Any], folder: Path) -> AsyncIterator[RouterProcess]:
    """Started and leading; it must end with exit code 0."""
    file, log = folder / "driftbell.yaml", folder / "router.log"
    file.write_text(yaml.safe_dump(settings))
    with log.open("wb") as out:
        command = ("-m", "driftbell", "router", "--config", str(file), "--log-format", "json")
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=out)
    router = RouterProcess(process, file, log, settings["router"]["http_port"])
    try:
        await until(lambda: '"leading"' in log.read_text() or process.returncode is not None, "the router leads", 60)
        assert process.returncode is None, log.read_text()
        yield router
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(30):
            code = await process.wait()
    assert code == 0, log.read_text()[-3000:]


@pytest.mark.e2e
async def test_sighup_puts_a_changed_file_in_force_and_a_bad_one_not(
    vendors: Vendors, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = vendors.settings(embedded_broker.settings)
    # A user's file has text for durations, and no numbers of tests.
    async with router_process(settings, tmp_path) as router:
        now_ms = int(time.time() * 1000)
        await publish(embedded_broker.settings, make_alert(at_ms=now_ms))
        await until(lambda: vendors.pagerduty.open and vendors.slack.roots and vendors.smtp.mails, "pages", 20)
        [first] = vendors.pagerduty.open

        bad = vendors.settings(embedded_broker.settings)
        bad["router"]["receivers"][0]["slack_configs"][0]["title"] = "{{ nothing }}"
        bad["router"]["route"]["receiver"] = "nobody"
        router.write(bad)
        await router.reload("refused")
        assert await router.metric("driftbell_router_config_last_reload_successful") == 0
        log = router.log.read_text()
        assert f"{router.file}:" in log and "nobody" in log and "stays in force" in log
        assert vendors.pagerduty.open == [first]

        # The file of before works again after it is put right, and what is open stays.
        router.write(settings)
        await router.reload("reloaded")
        assert await router.metric("driftbell_router_config_last_reload_successful") == 1
        assert vendors.pagerduty.open == [first] and len(vendors.slack.roots) == len(vendors.smtp.mails) == 1

        changed = vendors.settings(embedded_broker.settings)
        receiver = changed["router"]["receivers"][0]
        receiver["name"] = changed["router"]["route"]["receiver"] = "night"
        receiver["pagerduty_configs"] = [{"routing_key": OTHER_KEY}]
        del receiver["email_configs"]
        changed["router"]["http_port"] = 1
        router.write(changed)
        await router.reload("reloaded")
        await until(lambda: first.closed, "the incident is closed at the service of before", 20)
        await until(lambda: vendors.pagerduty.open, "it is open at the service of now", 20)
        await until(lambda: len(vendors.smtp.mails) == 2, "the mail thread ends", 20)
        assert "closed here" in vendors.smtp.mails[1].text
        [second] = vendors.pagerduty.open
        assert (first.routing_key, second.routing_key) == (ROUTING_KEY, OTHER_KEY)
        assert len(vendors.slack.roots) == 1 and "resolved" not in vendors.slack.roots[0].everything
        assert "router.http_port" in router.log.read_text()

        ended = make_alert("resolved", at_ms=now_ms + 60_000, started_ms=now_ms)
        await publish(embedded_broker.settings, ended)
        await until(lambda: second.closed, "the incident is closed", 20)
        await until(lambda: "resolved" in vendors.slack.roots[0].everything, "the message says so", 20)
        assert len(vendors.pagerduty.incidents) == 2 and len(vendors.smtp.mails) == 2
        assert not any(event.effect == "dropped" for event in vendors.pagerduty.events)
        assert ROUTING_KEY not in router.log.read_text() and OTHER_KEY not in router.log.read_text()


def config(**router: Any) -> Config:
    receivers = [{"name": "oncall", "log_configs": [{}]}]
    settings = {"route": {"receiver": "oncall"}, "receivers": receivers, "http_port": None, **router}
    return msgspec.convert(
        {"kafka": {"bootstrap.servers": "localhost:1"}, "redis": {"url": "memory://"}, "router": settings}, MODEL.config
    )


class Made:
    """A service whose source says what the test puts there; it never connects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession) -> None:
        monkeypatch.setattr(service, "AlertsConsumer", lambda *arguments: None)
        self.found: Config | Exception = config()
        start = config()
        settings = effective(start.router)
        plan = plan_of(settings, build(settings, session), session)
        source = Source(self.read, asyncio.Event())
        self.service = service._Service(start, settings, plan, MemoryStore(), source, session)

    def read(self) -> Config:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    async with aiohttp.ClientSession() as session:
        yield Made(monkeypatch, session)


async def test_what_stands_by_takes_the_configuration_for_its_next_term(made: Made) -> None:
    made.found = config(receivers=[{"name": "oncall", "log_configs": [{"send_resolved": False}]}])

    result = await made.service.reload()

    assert result.reason is ReloadReason.RELOADED
    [endpoint] = made.service._router.endpoints.values()
    assert not endpoint.destination.send_resolved
    assert made.service.api_port().rules.settings == made.found.router


@pytest.mark.parametrize("error", [ValueError("line 3: no"), OSError("no file"), RuntimeError("surprise")])
async def test_whatever_reading_raises_the_router_goes_on_with_what_it_has(made: Made, error: Exception) -> None:
    before = made.service._router.endpoints
    made.found = error

    result = await made.service.reload()

    assert result.reason is ReloadReason.REFUSED and result.problems == (str(error),)
    assert made.service._router.endpoints is before
    # What a receiver cannot be built with is refused as well.
    made.found = config(receivers=[{"name": "oncall", "pagerduty_configs": [{"routing_key_file": "/not/there"}]}])
    assert (await made.service.reload()).reason is ReloadReason.REFUSED
    assert made.service._router.endpoints is before


async def test_a_configuration_without_receivers_is_refused_where_there_were_some(made: Made) -> None:
    before = made.service._router.endpoints
    made.found = msgspec.convert({"redis": {"url": "memory://"}}, MODEL.config)

    result = await made.service.reload()

    assert result.reason is ReloadReason.REFUSED and "no receivers any more" in result.problems[0]
    assert made.service._router.endpoints is before
    made.found = config()
    assert (await made.service.reload()).reason is ReloadReason.RELOADED


def test_a_file_that_was_read_and_is_gone_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTBELL_CONFIG", raising=False)
    monkeypatch.setattr("driftbell.configured._log_without", lambda *arguments: None)
    source = RouterConfiguration(argparse.Namespace(config=None))
    assert source.read().router.is_default
    file = tmp_path / "driftbell.yaml"
    file.write_text("router: {flapping: {opens: 9}}")
    assert source.read().router.flapping.opens == 9
    file.unlink()

    for _ in range(2):
        with pytest.raises(InvalidConfigurationError, match=r"driftbell\.yaml: there is no such file"):
            source.read()

    file.write_text("router: {flapping: {opens: 8}}")
    assert source.read().router.flapping.opens == 8


async def test_a_store_that_is_away_leaves_the_configuration_of_before_in_force(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = made.service._router
    await router.claim(1)
    monkeypatch.setattr(made.service, "_leader", type("Leader", (), {"follow": lambda self: None})())
    made.found = config(receivers=[{"name": "oncall", "log_configs": [{}, {}]}])

    async def away(draft: object, **options: object) -> None:
        raise StoreUnavailableError("Redis does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(router, "_write", away)
        result = await made.service.reload()
    assert result.reason is ReloadReason.STORE_UNAVAILABLE and len(router.endpoints) == 1

    assert (await made.service.reload()).reason is ReloadReason.RELOADED
    assert len(router.endpoints) == 2


async def test_keys_that_are_read_at_a_start_only_are_named(made: Made) -> None:
    made.found = msgspec.structs.replace(
        config(http_port=1, session_timeout=3.0, group="other"), kafka={"bootstrap.servers": "localhost:2"}
    )

    assert (await made.service.reload()).needs_restart == (
        "kafka",
        "router.group",
        "router.session_timeout",
        "router.http_port",
    )
    assert needs_restart(made.found, made.found) == ()


def test_an_error_has_its_problems_one_by_one() -> None:
    error = ValueError("two")
    error.problems = ["file:1: a", "file:2: b"]  # type: ignore[attr-defined]

    assert problems_of(error) == ("file:1: a", "file:2: b")
    assert problems_of(ValueError("a\nb")) == ("a", "b")
