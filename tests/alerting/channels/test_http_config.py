"""Alertmanager's ``http_config``: who we are, whom we trust, the way there, and what of it is never told."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.registry import MODEL, build
from driftbell.alerting.channels.registry import check as check_channels
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason
from driftbell.fakes.faults import Fault
from driftbell.fakes.server import FakeServer
from driftbell.runtime.config.rules import BadSetting
from driftbell.runtime.config.secrets import secret_values
from tests.alerting.channels.deliveries import delivery, outcome_text


class Listener(FakeServer):
    """Keeps the headers of what it gets; a proxy gets the whole address."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, dict[str, str]]] = []

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        self.requests.append((str(request.url), {name.lower(): value for name, value in request.headers.items()}))
        return web.Response() if reply is None or fault is None else reply


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with Listener() as started:
        yield started


def router_of(http_config: dict[str, Any], url: str = "http://127.0.0.1:1/hook") -> Any:
    document = {
        "route": {"receiver": "r"},
        "receivers": [{"name": "r", "webhook_configs": [{"url": url, "http_config": http_config}]}],
    }
    return msgspec.convert(document, MODEL.router)


async def send(http_config: dict[str, Any], url: str) -> Outcome:
    """One page by a webhook that is configured so."""
    router = router_of(http_config, url)
    assert list(check_channels(router)) == []
    async with new_session(total_seconds=3) as session:
        [endpoint] = build(router, session)
        return await endpoint.channel.send(delivery())


def wrong(http_config: dict[str, Any]) -> list[BadSetting]:
    """What is refused of it."""
    return list(check_channels(router_of(http_config)))


async def test_a_name_with_a_password_is_sent(listener: Listener) -> None:
    given = {"basic_auth": {"username": "ann", "password": "pä:ss"}}
    assert (await send(given, listener.address)).ok

    [(_, headers)] = listener.requests
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == "ann:pä:ss"


async def test_a_token_and_headers_are_sent(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "header").write_text("FROMAFILE\n")
    given = {
        "authorization": {"credentials": "TOKEN"},
        "http_headers": {"X-Scope": {"value": "team"}, "X-File": {"value_file": str(tmp_path / "header")}},
    }
    assert (await send(given, listener.address)).ok

    [(_, headers)] = listener.requests
    assert (headers["authorization"], headers["x-scope"], headers["x-file"]) == ("Bearer TOKEN", "team", "FROMAFILE")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("given", ["GoodLine\r\nX-Evil: 1", "tok€n"])
async def test_a_secret_that_a_header_cannot_have_is_told_and_not_sent(
    listener: Listener, tmp_path: Path, given: str
) -> None:
    (tmp_path / "token").write_text(given)
    outcome = await send({"authorization": {"credentials_file": str(tmp_path / "token")}}, listener.address)

    assert outcome.reason is OutcomeReason.SECRET_MISSING
    assert "credentials_file" in outcome.detail and given[:4] not in outcome.detail
    assert listener.requests == []


async def test_a_server_that_repeats_what_it_got_tells_no_secret(listener: Listener) -> None:
    pair = base64.b64encode(b"ann:PASSWORD").decode()
    listener.faults.add(Fault(status=403, body=f"no {pair} no PASSWORD no HEADERVALUE no"))
    given = {"basic_auth": {"username": "ann", "password": "PASSWORD"}, "http_headers": {"X": {"value": "HEADERVALUE"}}}
    outcome = await send(given, listener.address)

    assert outcome.reason is OutcomeReason.AUTH_ERROR
    for secret in ("PASSWORD", "HEADERVALUE", pair):
        assert secret not in outcome_text(outcome)


async def test_requests_go_by_the_proxy(listener: Listener) -> None:
    assert (await send({"proxy_url": listener.address}, "http://hooks.example.org/x")).ok

    [(url, _)] = listener.requests
    assert url == "http://hooks.example.org/x"


async def test_channels_go_by_the_proxy_of_the_environment_unless_they_have_their_own(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", listener.address)
    assert (await send({}, "http://hooks.example.org/x")).ok
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await send({"proxy_url": listener.address}, "http://hooks.example.org/y")).ok
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert (await send({}, listener.address + "/z")).ok

    assert [url.rpartition("/")[2] for url, _ in listener.requests] == ["x", "y", "z"]


async def test_https_goes_by_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    for name in ("HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        outcome = await send({}, "https://hooks.example.org/x")

    assert asked == [b"CONNECT hooks.example.org:443 HTTP/1.1\r\n"]
    assert not outcome.ok


async def test_an_authority_and_a_certificate_of_ones_own_are_used(tmp_path: Path) -> None:
    authority = trustme.CA()
    server_cert, ours = authority.issue_cert("hooks.example.org"), authority.issue_cert("driftbell.example.org")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_cert.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    address = f"https://127.0.0.1:{server.port}/"
    trust = {"ca_file": str(tmp_path / "ca.pem"), "server_name": "hooks.example.org"}
    shown = {"cert_file": str(tmp_path / "ours.pem"), "key_file": str(tmp_path / "ours.pem")}
    try:
        assert (await send({"tls_config": trust | shown}, address)).reason is OutcomeReason.SENT
        assert not (await send({"tls_config": trust}, address)).ok
        assert (await send({"tls_config": shown}, address)).reason is OutcomeReason.CONNECTION_FAILED
        unsafe = await send({"tls_config": {"insecure_skip_verify": True} | shown}, address)
        assert unsafe.reason is OutcomeReason.SENT
    finally:
        await server.close()


async def test_a_missing_file_is_refused_at_the_start_with_its_place() -> None:
    router = router_of(
        {"tls_config": {"ca_file": "/not/there.pem"}, "authorization": {"credentials_file": "/no/token"}}
    )
    async with new_session() as session:
        with pytest.raises(RefusedError) as refusal:
            build(router, session)

    told = str(refusal.value)
    assert "r/webhook[0].http_config.tls_config: /not/there.pem cannot be used" in told
    assert "r/webhook[0].http_config.authorization.credentials_file: there is no file /no/token" in told


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"basic_auth": {"username": "a"}}, ("basic_auth",)),
        ({"basic_auth": {"password": "a", "password_env": "B"}}, ("basic_auth", "password_env")),
        ({"authorization": {"type": "Basic", "credentials": "x"}}, ("authorization", "type")),
        (
            {"authorization": {"credentials": "x"}, "basic_auth": {"username": "a", "password": "b"}},
            ("authorization",),
        ),
        ({"http_headers": {"X Y": {"value": "a"}}}, ("http_headers", "X Y")),
        ({"http_headers": {"Host": {"value": "a"}}}, ("http_headers", "Host")),
        ({"http_headers": {"X": {}}}, ("http_headers", "X")),
        ({"proxy_url": "proxy:3128"}, ("proxy_url",)),
        ({"tls_config": {"cert_file": "a.pem"}}, ("tls_config",)),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], path: tuple[str, ...]) -> None:
    [problem] = wrong(given)

    assert problem.path == ("receivers", 0, "webhook_configs", 0, "http_config", *path)


def test_its_secrets_are_known_to_the_log_and_shown_by_nothing() -> None:
    router = router_of(
        {
            "basic_auth": {"username": "a", "password": "PASSWORD"},
            "http_headers": {"X": {"value": "HEADER"}},
            "proxy_url": "http://u:PROXY@proxy:1",
        }
    )
    config = MODEL.config(router=router, kafka={"bootstrap.servers": "localhost:1"})

    assert {"PASSWORD", "HEADER", "http://u:PROXY@proxy:1"} <= secret_values(config)
    assert not any(secret in repr(config) for secret in ("PASSWORD", "HEADER", "PROXY"))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ()),
        ({"addresses": ["alertmanager:9093"]}, ("addresses", 0)),
        ({"addresses": ["http://u:p@alertmanager:9093"]}, ("addresses", 0)),
        ({"addresses": ["http://alertmanager:9093/api/v2/alerts"]}, ("addresses", 0)),
        ({"addresses": ["http://alertmanager:9093/?x=1"]}, ("addresses", 0)),
        ({"addresses": ["http://a:1"] * 11}, ("addresses",)),
        ({"addresses": ["http://a:1"], "resolve_after": 100, "resend_interval": 60}, ("resolve_after",)),
        ({"addresses": ["http://a:1"], "resend_interval": 0}, ("resend_interval",)),
    ],
)
def test_what_cannot_work_of_an_alertmanager_is_refused(given: dict[str, Any], path: tuple[str, ...]) -> None:
    document = {"route": {"receiver": "r"}, "receivers": [{"name": "r", "alertmanager_configs": [given]}]}
    [problem] = check_channels(msgspec.convert(document, MODEL.router))

    assert problem.path == ("receivers", 0, "alertmanager_configs", 0, *path)
    assert "u:p" not in str(problem)
