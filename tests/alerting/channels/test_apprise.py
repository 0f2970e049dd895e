"""Apprise: the cases of every channel through the library's own JSON service, and that nobody relies on it for a page."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from driftbell.alerting.channels.apprise.apprise import SECONDS, AppriseChannel, service_problems
from driftbell.alerting.channels.apprise.settings import url_problems
from driftbell.alerting.channels.apprise.text import quiet, texts
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.registry import MODEL, build, refusals
from driftbell.alerting.channels.registry import check as check_channels
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.server import FakeServer
from driftbell.runtime.config.rules import BadSetting
from tests.alerting.alerts import make_alert
from tests.alerting.channels.contract import Bench, ChannelContract
from tests.alerting.channels.deliveries import delivery, huge, taken
from tests.alerting.channels.statuses import ANSWERS
from tests.services.missing import missing

PAGES = {"webhook_configs": [{"url": "https://example.org/hook"}]}
APPRISE = {"apprise_configs": [{"url": "json://localhost/SECRET012345"}]}


@pytest.fixture
def library() -> None:
    if importlib.util.find_spec("apprise") is None:
        missing("the library Apprise", "pip install 'driftbell[apprise]'")


@pytest.fixture(autouse=True)
def logs() -> None:
    """As in a process that has not used the library: pytest listens to loggers that were cut off before a test."""
    logging.getLogger("apprise").propagate = True


class Service(FakeServer):
    """Takes what Apprise's service ``json://`` posts, and refuses anything else (plugins/custom_json.py, version 1.0)."""

    secret = "SECRET0123456789"

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []
        self.refused: list[str] = []

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"/{self.secret}", self._take)

    @property
    def url(self) -> str:
        return self.address.replace("http://", "json://").rstrip("/") + f"/{self.secret}"

    async def _take(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        body = json.loads(await request.read())
        problem = problem_of(body)
        if problem is not None:
            self.refused.append(problem)
            return web.Response(status=400, text=problem)
        self.taken.append(body)
        return self.drop(request) if fault is not None else web.Response()


def problem_of(body: Any) -> str | None:
    """What is wrong with a message; None if nothing."""
    if not isinstance(body, dict) or body.keys() != {"version", "title", "message", "attachments", "type"}:
        return "not the fields of a message"
    if (
        body["version"] != "1.0"
        or body["attachments"] != []
        or body["type"] not in ("info", "success", "warning", "failure")
    ):
        return "not a message of this kind"
    if not (0 < len(body["title"]) <= 200) or "\n" in body["title"]:
        return "not a title"
    return None if 0 < len(body["message"]) <= 4_000 else "not a body"


@pytest.fixture
async def fake() -> AsyncIterator[Service]:
    async with Service() as started:
        yield started


@pytest.fixture
async def bench(library: None, fake: Service) -> AsyncIterator[Bench]:
    made: list[Channel] = []
    url = fake.url

    def make(
        secret: SecretSource | None = None, template: Template | None = None, *, impatient: bool = False, **fields: Any
    ) -> Channel:
        seconds = 0.3 if impatient else SECONDS
        made.append(AppriseChannel(secret or SecretSource("url", url), body=template, seconds=seconds, **fields))
        return made[-1]

    yield Bench(
        make=make,
        faults=fake.faults,
        accepted=lambda: [f"{body['title']}\n{body['message']}" for body in fake.taken],
        violations=lambda: fake.refused,
        secret=url,
        stop=fake.stop,
    )
    for channel in made:
        await channel.close()


class TestApprise(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # A mention works in plain text with some services.
        assert "@" not in accepted

    async def test_a_vendor_that_is_not_there_has_got_nothing(self, bench: Bench) -> None:
        # Apprise does not tell a connection that was refused from one that broke: nobody knows what arrived.
        channel = bench.make()
        await bench.stop()
        outcome = await channel.send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.NO_ANSWER, Retry.UNKNOWN)
        assert "connection error" in outcome.detail.lower()

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        bench.faults.add(Fault(status=status, body="{}"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (reason, retry)

    async def test_an_incident_is_a_message_for_each_change(self, bench: Bench, fake: Service) -> None:
        channel = bench.make()
        warning = delivery(alerts=[make_alert(labels={"severity": "warning"})])
        for each in (delivery(), taken(delivery(Kind.UPDATE)), delivery(Kind.RESOLVE), warning):
            assert (await channel.send(each)).ok

        assert [body["type"] for body in fake.taken] == ["failure", "failure", "success", "warning"]
        assert fake.taken[2]["message"].startswith("resolved after 12 min")

    async def test_a_title_of_the_configuration_is_sent(self, bench: Bench, fake: Service) -> None:
        await bench.make(title=Template("{{ status }}\nof {{ receiver }}", "x")).send(delivery())

        assert re.fullmatch(r"firing of \w+", fake.taken[0]["title"])

    async def test_a_url_that_became_another_one_is_a_destination_that_is_gone(self, bench: Bench) -> None:
        outcome = await bench.make(secret=SecretSource("url", "nothing://SECRET")).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.DESTINATION_GONE, Retry.NO)
        assert "SECRET" not in outcome.detail


@pytest.mark.parametrize("limits", [(0, 160), (250, 32_768), (0, 2_000), (60, 250)], ids=str)
def test_a_message_is_inside_the_limits_of_its_service(limits: tuple[int, int]) -> None:
    one = delivery(alerts=huge())
    title, body = texts(one, compose(one.notification, one.incident, one.kind), limits, None, None)

    assert 0 < len(title) <= (limits[0] or 200)
    assert 0 < len(body) <= max(100, limits[1])


def test_nobody_is_called_by_a_text() -> None:
    assert quiet("@everyone <@U1> a@b") == "\uff20everyone <\uff20U1> a\uff20b"


@pytest.mark.parametrize("url", ["", "matrix.example.org", "json://a, json://b", "json://a json://b", "://x"])
def test_what_is_no_url_is_refused_without_the_library(url: str) -> None:
    [wrong] = url_problems(url)

    assert "not one URL" in wrong.message


def test_what_apprise_does_not_know_is_refused(library: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert [*service_problems("json://localhost/SECRET")] == []
    [wrong] = service_problems("nothing://SECRET")

    assert "SECRET" not in str(wrong) + caplog.text


async def test_without_the_library_a_start_is_refused_and_says_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "apprise" else usual(name, *rest)
    )
    router = parsed({"receiver": "r"}, r={**APPRISE, **PAGES})
    async with new_session() as session:
        with pytest.raises(RefusedError, match=r"pip install 'driftbell\[apprise\]'"):
            build(router, session)

    assert await refusals(router, with_environment=False) == []


# ---- nobody relies on it


def parsed(route: dict[str, Any], **receivers: dict[str, Any]) -> Any:
    named = [{"name": name, **channels} for name, channels in receivers.items()]
    return msgspec.convert({"route": route, "receivers": named}, MODEL.router)


def wrong(route: dict[str, Any], **receivers: dict[str, Any]) -> list[BadSetting]:
    return [*check_channels(parsed(route, **receivers))]


LOUD = {"receiver": "oncall", "matchers": ['severity=~"critical|error"']}


@pytest.mark.parametrize(
    "route",
    [
        {"receiver": "oncall", "routes": [{"receiver": "chat", "matchers": ['severity="warning"']}]},
        {"receiver": "oncall", "routes": [{"receiver": "chat", "matchers": ['severity!~"critical|error"', 'a="b"']}]},
        {"receiver": "oncall", "routes": [{"match_re": {"severity": "info"}, "routes": [{"receiver": "chat"}]}]},
        {"receiver": "chat", "routes": [LOUD]},
        {
            "receiver": "chat",
            "routes": [{"receiver": "oncall", "match": {"severity": "critical"}}, {**LOUD, "continue": True}],
        },
        {"receiver": "oncall"},
    ],
    ids=str,
)
def test_a_receiver_of_warnings_may_have_apprise_alone(route: dict[str, Any]) -> None:
    assert wrong(route, oncall=PAGES, chat=APPRISE) == []


@pytest.mark.parametrize(
    ("route", "severities"),
    [
        ({"receiver": "chat"}, "critical and error"),
        ({"receiver": "chat", "routes": [{"receiver": "oncall", "match": {"severity": "critical"}}]}, "error"),
        ({"receiver": "chat", "routes": [{**LOUD, "match": {"team": "fraud"}}]}, "critical and error"),
        ({"receiver": "oncall", "routes": [{"receiver": "chat", "match": {"team": "fraud"}}]}, "critical and error"),
        ({"receiver": "oncall", "routes": [{"receiver": "chat", "matchers": ['severity="error"']}]}, "error"),
        ({"receiver": "oncall", "escalate": [{"after": 600.0, "receiver": "chat"}]}, "critical and error"),
    ],
    ids=str,
)
@pytest.mark.parametrize("beside", [{}, {"log_configs": [{}]}], ids=["alone", "with a log"])
def test_a_receiver_that_grave_alerts_may_reach_has_a_channel_that_pages(
    route: dict[str, Any], severities: str, beside: dict[str, Any]
) -> None:
    [found] = wrong(route, oncall=PAGES, chat={**APPRISE, **beside})

    assert found.path == ("receivers", 1, "apprise_configs", 0)
    assert f"of 'chat', which {severities} alerts may reach" in found.message
    assert wrong(route, oncall=PAGES, chat={**APPRISE, **PAGES}) == []


async def test_it_is_no_fallback_of_another_channel(library: None) -> None:
    from driftbell.alerting.incidents.failover import Failover

    async with new_session() as session:
        endpoints = build(parsed({"receiver": "r"}, r={**APPRISE, **PAGES}), session)
    chat, hook = sorted((one.destination for one in endpoints), key=lambda one: one.integration)
    found = Failover([chat, hook], "r")._fallback

    assert (chat.pages, hook.pages) == (False, True)
    assert found == {chat.id: hook, hook.id: None}
    for endpoint in endpoints:
        await endpoint.channel.close()


def test_the_fake_knows_the_rules() -> None:
    body = {"version": "1.0", "title": "t", "message": "m", "attachments": [], "type": "info"}
    assert problem_of(body) is None
    for change in (
        {"title": ""},
        {"title": "a\nb"},
        {"message": "x" * 4_001},
        {"type": "loud"},
        {"more": 1},
        {"version": "2"},
    ):
        assert problem_of(body | change) is not None, change
