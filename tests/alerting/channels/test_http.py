"""What is common to the channels that speak HTTP."""

from __future__ import annotations

import contextlib
import gzip
import resource
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from driftbell.alerting.channels.http import HttpResponse, new_session, post, retry_after
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason
from driftbell.fakes.server import FakeServer

NOW = datetime(2026, 11, 24, 14, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 14:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 13:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 14:00:30 -0000", 30.0),
        ("soon", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


class Chatty(FakeServer):
    """Answers with more than anyone wants to read."""

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/{size}", self._talk)

    async def _talk(self, request: web.Request) -> web.Response:
        return web.Response(status=500, text="SECRET\r\n" * (int(request.match_info["size"]) // 8))


@pytest.fixture
async def chatty() -> AsyncIterator[Chatty]:
    async with Chatty() as started:
        yield started


async def test_an_answer_is_shown_short_on_one_line_and_without_secrets(chatty: Chatty) -> None:
    async with new_session() as session:
        answer = await post(session, f"{chatty.address}/5000000", b"{}", secrets=("SECRET",))

    assert isinstance(answer, HttpResponse)
    assert len(answer.text) < 1200 and "\n" not in answer.text
    assert "SECRET" not in answer.text
    assert len(answer.body) < 600_000


@pytest.mark.parametrize("url", ["http://", "ftp://example.org", "http://[", "nonsense"])
async def test_a_bad_url_is_an_outcome_that_does_not_show_it(url: str) -> None:
    async with new_session() as session:
        outcome = await post(session, url, b"{}")

    assert isinstance(outcome, Outcome)
    assert outcome.reason in (OutcomeReason.CLIENT_ERROR, OutcomeReason.CONNECTION_FAILED)


async def test_a_header_that_cannot_be_written_is_an_outcome_that_does_not_show_it(chatty: Chatty) -> None:
    async with new_session() as session:
        outcome = await post(session, f"{chatty.address}/1", b"{}", headers={"X": "SECRET\r\nBcc: x"})

    assert isinstance(outcome, Outcome)
    assert (outcome.reason, "SECRET" in outcome.detail) == (OutcomeReason.CLIENT_ERROR, False)


async def test_a_name_that_does_not_exist_is_a_failed_connection() -> None:
    async with new_session() as session:
        outcome = await post(session, "http://host.invalid/SECRET", b"{}", secrets=("http://host.invalid/SECRET",))

    assert isinstance(outcome, Outcome)
    assert outcome.reason is OutcomeReason.CONNECTION_FAILED
    assert "SECRET" not in outcome.detail


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_read_to_its_bound_only(packed: bool) -> None:
    bomb = gzip.compress(bytes(200_000_000))

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if packed else {})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await response.write(bomb)
            while not packed:
                await response.write(bytes(65_536))
        return response

    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as server, new_session() as session:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = await post(session, str(server.make_url("/")), b"{}")

    assert isinstance(found, HttpResponse)
    assert len(found.body) < 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"
