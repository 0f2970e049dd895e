"""What a question to the API may cost: filters are bounded, and others have their turn between them."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from driftbell.alerting.api.wire.query import MOST_FILTERS, AlertQuery
from driftbell.alerting.api.wire.refusal import RequestRefusedError
from driftbell.runtime.matching.regex import REQUEST_BYTES, Regex
from tests.alerting.api.serving import serving

PATHS = ("/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences")


@pytest.mark.parametrize("path", PATHS)
async def test_more_filters_than_are_taken_are_refused(path: str) -> None:
    async with serving() as served:
        assert (await served.call("GET", f"{path}?{'&'.join(['filter=b!=1'] * MOST_FILTERS)}"))[0] == 200
        status, told = await served.call("GET", f"{path}?{'&'.join(['filter=b!=1'] * (MOST_FILTERS + 1))}")
        assert (status, told) == (400, "101 filters, and at most 100 are taken")


@pytest.mark.parametrize("parameter", [quote(r"a=~\pL{200}0"), quote(r"a!~(?i)\pL{100}")])
@pytest.mark.parametrize("path", PATHS)
async def test_a_filter_that_takes_much_memory_is_refused(path: str, parameter: str) -> None:
    async with serving() as served:
        status, told = await served.call("GET", f"{path}?filter={parameter}")
        assert status == 400 and "pattern too large" in told


async def test_a_receiver_that_takes_much_memory_is_refused() -> None:
    with pytest.raises(RequestRefusedError, match="pattern too large"):
        await AlertQuery.of("receiver=" + quote(r"\pL{200}0"))


def test_what_is_taken_literally_is_never_too_large_for_a_request() -> None:
    names = "|".join(f"host-{number:04}.example.org" for number in range(400))
    assert Regex(names, REQUEST_BYTES).matches("host-0399.example.org")
    assert Regex("x" * 10_000, REQUEST_BYTES).matches("x" * 10_000)


async def test_between_two_filters_the_event_loop_has_its_turn() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    query = await AlertQuery.of("&".join(["filter=a=~b%2B"] * 20))
    task.cancel()
    assert len(query.matchers) == 20 and turns >= 20
