"""What keeps a slow, greedy or confused client from hurting others."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import aiohttp
import pytest
from aiohttp import web

from driftbell.alerting.api import application, server
from driftbell.alerting.api.application import Mounted
from driftbell.alerting.api.server import ApiServer
from driftbell.alerting.api.startable import refusals
from driftbell.alerting.errors import RefusedError
from driftbell.runtime.config.router_api import ApiConfig
from tests.alerting.api.serving import serving
from tests.alerting.vendors import until
from tests.services.tls import Certificates

SILENCES = "/api/v2/silences"


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with serving(max_body_bytes=1_000) as served:
        status, body = await served.call("POST", SILENCES, {"comment": "x" * 1_000})
        assert (status, body["code"]) == (413, 413)


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "BODY_SECONDS", 0.1)
    async with serving() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        head = f"POST {SILENCES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        writer.write(head.encode() + b"{")
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_half_a_request_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    async with serving() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        writer.write(b"GET /api/v2/status HTTP/1.1\r\nHost: ")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_of_too_many_connections_the_last_is_closed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    async with serving() as served:
        both = [await asyncio.open_connection("127.0.0.1", served.server.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()
        for reader, writer in both:
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(5):
                assert b" 200 " in await reader.readline()
            writer.close()


async def test_a_small_body_that_would_unfold_is_no_json() -> None:
    async with serving() as served:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        status, _ = await served.call("POST", SILENCES, data=b"\x1f\x8b\x08\x00", headers=headers)
        assert status == 400


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"1" * 100_000, b"\xff\xfe", b"nul"])
async def test_json_of_a_hostile_form_is_refused(body: bytes) -> None:
    async with serving() as served:
        headers = {"Content-Type": "application/json"}
        assert (await served.call("POST", SILENCES, data=body, headers=headers))[0] == 400


async def test_an_address_that_is_taken_names_itself() -> None:
    async with serving() as served:
        with pytest.raises(OSError, match=f"the API cannot listen on 127.0.0.1:{served.server.port}"):
            async with ApiServer(ApiConfig(listen=f"127.0.0.1:{served.server.port}"), aiohttp.web.Application()):
                pass


async def test_https_is_served_with_the_certificate_of_the_files(certificates: Certificates) -> None:
    certificate, key = str(certificates.server_certificate), str(certificates.server_key)
    trusted = ssl.create_default_context(cafile=str(certificates.ca))
    async with (
        serving(tls_cert_file=certificate, tls_key_file=key) as served,
        served.http.get(f"https://localhost:{served.server.port}/-/healthy", ssl=trusted) as answer,
    ):
        assert answer.status == 200


async def test_who_does_not_begin_tls_is_counted_and_cut_off(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.3)
    certificate, key = str(certificates.server_certificate), str(certificates.server_key)
    trusted = ssl.create_default_context(cafile=str(certificates.ca))
    async with serving(tls_cert_file=certificate, tls_key_file=key) as served:
        silent = [await asyncio.open_connection("127.0.0.1", served.server.port) for _ in range(2)]
        await until(lambda: served.server.connections == 2, "two connections")
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()
            for reader, writer in silent:
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
                writer.close()
        await until(lambda: served.server.connections == 0, "no connection")
        # Who comes, asks and goes leaves nothing behind that is counted.
        for _ in range(5):
            address = f"https://localhost:{served.server.port}/-/healthy"
            async with served.http.get(address, ssl=trusted, headers={"Connection": "close"}) as answer:
                assert answer.status == 200
        await until(lambda: served.server.connections == 0, "no connection")


async def test_a_certificate_that_cannot_be_used_is_refused_at_the_start_and_by_the_check(tmp_path: object) -> None:
    settings = ApiConfig(listen="127.0.0.1:0", tls_cert_file=f"{tmp_path}/none", tls_key_file=f"{tmp_path}/none")
    [problem] = refusals(settings)
    assert problem.path == ("api", "tls_cert_file")
    with pytest.raises(RefusedError, match="cannot be used"):
        await ApiServer(settings, aiohttp.web.Application()).start()
    [problem] = refusals(ApiConfig(bearer_token_file=f"{tmp_path}/none"))
    assert problem.path == ("api", "bearer_token_file")


async def test_what_is_no_http_is_refused_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as served:
        caplog.clear()
        for line in (
            b"nonsense",
            b"GET /\xff\xfe HTTP/1.1",
            b"GET / HTTP/9.9",
            b"\x16\x03\x01\x02\x00\x01",
            b"X" * 70_000,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
            writer.write(line + b"\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(5):
                answer = await reader.read(200)
            writer.close()
            assert b" 400 " in answer or answer == b"", line[:20]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="an option of Linux")
async def test_a_client_that_does_not_read_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_UNREAD_MS", 500)

    async def much(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 16_000_000)

    async with serving(mounted=[Mounted([web.get("/much", much)])]) as served:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", served.server.port))
        await loop.sock_sendall(deaf, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.2)
        assert served.server.connections == 1
        await until(lambda: not served.server.connections, "it is cut off", 20)
        deaf.close()
