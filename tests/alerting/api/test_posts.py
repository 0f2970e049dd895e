"""Alerts posted over the API: to the leader, to a router that stands by, too many, too long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from driftbell.alerting.api import alerts
from driftbell.alerting.api.wire import body as body_module
from driftbell.alerting.api.wire.alert_body import MOST_ALERTS
from driftbell.alerting.api.wire.body import MOST_KEYS
from driftbell.alerting.api.wire.silence_body import silence_of
from driftbell.alerting.commands.taking_up import take_up
from driftbell.alerting.process.api import router_port
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.posted_alerts.posted import PostedAlert
from tests.alerting.api.serving import Served, serving
from tests.alerting.conftest import NewStore

ALERTS = "/api/v2/alerts"


def alert(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "Load", "n": str(number)}, "annotations": {"summary": "high"}, **changes}


@contextlib.asynccontextmanager
async def two_routers(new_store: NewStore) -> AsyncIterator[tuple[Served, Served]]:
    """One that leads, and takes up what waits at the store, and one that stands by."""
    store: Any = new_store()

    async def lead() -> None:
        while True:
            await take_up(store, leader.router)
            await asyncio.sleep(0.01)

    async with serving(store=store) as leader, serving(store=new_store(), leads=False) as other:
        leading = asyncio.create_task(lead())
        try:
            yield leader, other
        finally:
            leading.cancel()


async def test_what_is_posted_to_a_router_that_stands_by_is_taken_by_the_leader_and_shown_by_both(
    new_store: NewStore,
) -> None:
    async with two_routers(new_store) as (leader, other):
        assert (await other.call("POST", ALERTS, [alert(1), alert(2)]))[0] == 200
        assert len(leader.router.state.deadlines) == 2
        shown = [await router.call("GET", ALERTS) for router in (leader, other)]
        assert shown[0] == shown[1]
        assert [one["labels"]["n"] for one in shown[1][1]] == ["2", "1"]
        for path in (f"{ALERTS}/groups", f"{ALERTS}?filter=n%3D1", "/api/v2/receivers", "/api/v2/status"):
            answers = [await router.call("GET", path) for router in (leader, other)]
            if path.endswith("status"):
                answers = [(status, body["config"]) for status, body in answers]
            assert answers[0] == answers[1]


async def test_a_silence_from_a_router_that_stands_by_silences_at_the_leader(
    new_store: NewStore,
) -> None:
    async with two_routers(new_store) as (leader, other):
        await leader.call("POST", ALERTS, [alert()])
        body = {
            "matchers": [{"name": "alertname", "value": "Load", "isRegex": False}],
            "startsAt": "2020-01-01T00:00:00Z",
            "endsAt": "2999-01-01T00:00:00Z",
            "createdBy": "me",
            "comment": "why",
        }
        _, made = await other.call("POST", "/api/v2/silences", body)
        [shown] = (await leader.call("GET", ALERTS))[1]
        assert shown["status"] == {"inhibitedBy": [], "silencedBy": [made["silenceID"]], "state": "suppressed"}
        assert (await other.call("DELETE", f"/api/v2/silence/{made['silenceID']}"))[0] == 200
        await asyncio.sleep(0.002)
        assert (await leader.call("GET", ALERTS))[1][0]["status"]["state"] == "active"


async def test_without_a_leader_nothing_is_taken_and_that_is_said(monkeypatch: Any) -> None:
    monkeypatch.setattr(router_port, "_WAIT_SECONDS", 0.05)
    tables = MemoryTables()
    async with serving(store=MemoryStore(tables), leads=False) as other:
        status, told = await other.call("POST", ALERTS, [alert()])
        assert status == 503 and "no router leads" in told
        assert tables.commands == {}
        assert await other.call("GET", ALERTS) == (200, [])


async def test_more_than_are_kept_are_refused() -> None:
    async with serving(max_alerts=2) as served:
        status, told = await served.call("POST", ALERTS, [alert(number) for number in range(5)])
        assert status == 503 and "3 alerts were not taken" in told
        assert (await served.call("POST", ALERTS, [alert(0), alert(1)]))[0] == 200
        assert len((await served.call("GET", ALERTS))[1]) == 2


async def test_labels_that_are_too_long_are_refused_and_long_annotations_are_cut() -> None:
    async with serving() as served:
        for labels in (
            {"alertname": "x" * 4_097},
            {"a" * 1_001: "x"},
            {f"n{number}": "x" for number in range(101)},
        ):
            status, told = await served.call("POST", ALERTS, [{"labels": labels}, alert()])
            assert status == 400 and told.startswith("invalid label set: ")
        many = {f"n{number}": "x" * 5_000 for number in range(150)}
        assert (await served.call("POST", ALERTS, [alert(annotations=many)]))[0] == 200
        [shown] = (await served.call("GET", ALERTS))[1]
        assert len(shown["annotations"]) == 100
        assert {len(value) for value in shown["annotations"].values()} == {4_096}


async def test_hostile_texts_are_kept_as_they_are_and_break_nothing() -> None:
    text = "\x00\x1b[31m<!channel>\r\n=?utf-8?q?x?= \u202e </script> \ud83d\ude00"
    async with serving() as served:
        assert (await served.call("POST", ALERTS, [alert(annotations={"summary": text})]))[0] == 200
        body = b'[{"labels": {"alertname": "\\ud800", "b": "\xff"}}]'
        status, _ = await served.call("POST", ALERTS, data=body, headers={"Content-Type": "application/json"})
        assert status == 200
        shown = (await served.call("GET", ALERTS))[1]
        texts = [one["annotations"].get("summary") for one in shown]
        assert text.encode("utf-16", "surrogatepass").decode("utf-16") in texts
        assert {"alertname": "\ufffd", "b": "\ufffd"} in [one["labels"] for one in shown]


async def test_an_alert_of_the_end_of_the_calendar_is_shown() -> None:
    last = "9999-12-31T23:59:59.9999Z"
    async with serving() as one:
        assert (await one.call("POST", ALERTS, [alert(startsAt=last, endsAt=last), alert(1)]))[0] == 200
        for path in (ALERTS, f"{ALERTS}/groups"):
            status, shown = await one.call("GET", path)
            assert (status, len(shown)) == (200, 2 if path == ALERTS else 1)


async def raw_post(served: Served, body: bytes, path: str = ALERTS) -> tuple[int, Any]:
    return await served.call("POST", path, data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("part", [b"{}", b"null", b"1", b'"\\ud800"'])
async def test_of_a_body_with_very_many_alerts_none_is_looked_at(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[object] = []
    monkeypatch.setattr(alerts, "alert_of", looked_at.append)
    async with serving() as served:
        status, told = await raw_post(served, b"[" + b",".join([part] * (MOST_ALERTS + 1)) + b"]")
        assert (status, told) == (422, {"code": 611, "message": "alerts in body should have at most 20000 items"})
    assert looked_at == []


@pytest.mark.parametrize("beginning", [b'[{"labels":{', b'[{"annotations":{', b"[{"])
async def test_an_object_with_very_many_keys_is_refused(beginning: bytes) -> None:
    pairs = b",".join(b'"a%d":"1"' % number for number in range(MOST_KEYS + 1))
    async with serving() as served:
        status, told = await raw_post(served, beginning + pairs + b"}" * beginning.count(b"{") + b"]")
        assert status == 400 and "an object has 1,001 keys, and at most 1,000 are read" in told["message"]
        assert (await raw_post(served, b"{" + pairs + b"}", "/api/v2/silences"))[0] == 400


async def test_a_body_that_must_be_mended_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MOST_MENDED", 100)
    async with serving() as served:
        status, told = await raw_post(served, b'[{"x": ["\\ud800"' + b",1" * 100 + b"]}]")
        assert status == 400 and "at most 100 values are read" in told["message"]


async def test_of_very_many_matchers_one_more_than_may_be_is_read() -> None:
    body = {"matchers": [{"name": "a", "value": "b", "isRegex": False}] * 5_000, "comment": "", "createdBy": ""}
    times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z"}
    assert len(silence_of(msgspec.json.encode(body | times)).matchers) == 101
    async with serving() as served:
        status, told = await served.call("POST", "/api/v2/silences", body | times)
        assert status == 400 and "at most 100 matchers" in told


async def test_the_event_loop_has_its_turn_also_between_alerts_with_many_labels() -> None:
    fat = [PostedAlert(labels={str(number): "x" for number in range(999)})] * 20
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    assert [index async for index, _ in alerts._in_turns(fat)] == list(range(20))
    task.cancel()
    assert turns >= 3
