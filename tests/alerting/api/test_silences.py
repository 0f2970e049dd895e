"""Silences over the API; tests/alerting/api/test_against_alertmanager.py compares every answer with the real one."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from driftbell.alerting.muting import silence_rules
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.times import rfc3339
from tests.alerting.api.serving import serving
from tests.alerting.rig import VirtualClock


def asked(clock: VirtualClock, **changes: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "model", "value": "fraud", "isRegex": False}],
        "startsAt": rfc3339(clock()),
        "endsAt": rfc3339(clock() + 3_600_000),
        "createdBy": "me",
        "comment": "why",
        **changes,
    }


async def test_a_silence_is_added_listed_changed_and_ended() -> None:
    clock = VirtualClock()
    async with serving(clock=clock) as served:
        status, body = await served.call("POST", "/api/v2/silences", asked(clock))
        assert status == 200
        silence_id = body["silenceID"]

        assert await served.call("GET", f"/api/v2/silence/{silence_id}") == (
            200,
            {
                "id": silence_id,
                "status": {"state": "active"},
                "updatedAt": rfc3339(clock()),
                "comment": "why",
                "createdBy": "me",
                "startsAt": rfc3339(clock()),
                "endsAt": rfc3339(clock() + 3_600_000),
                "matchers": [{"name": "model", "value": "fraud", "isRegex": False, "isEqual": True}],
            },
        )
        changed = asked(clock, id=silence_id, comment="longer", endsAt=rfc3339(clock() + 7_200_000))
        assert await served.call("POST", "/api/v2/silences", changed) == (200, {"silenceID": silence_id})
        assert [one["comment"] for one in (await served.call("GET", "/api/v2/silences"))[1]] == ["longer"]

        clock.now_ms += 60_000
        assert (await served.call("DELETE", f"/api/v2/silence/{silence_id}"))[0] == 200
        clock.now_ms += 1
        [ended] = (await served.call("GET", "/api/v2/silences"))[1]
    assert ended["status"] == {"state": "expired"} and ended["endsAt"] == rfc3339(clock() - 1)


async def test_what_cannot_be_is_refused_and_changes_nothing() -> None:
    clock = VirtualClock()
    async with serving(clock=clock) as served:
        for body, status in [
            (asked(clock, matchers=[]), 422),
            (asked(clock, comment=None), 422),
            (asked(clock, matchers=[None]), 422),
            (asked(clock, startsAt="soon"), 400),
            (asked(clock, endsAt=rfc3339(clock() - 1)), 400),
            (asked(clock, matchers=[{"name": "a", "value": "(", "isRegex": True}]), 400),
            (asked(clock, matchers=[{"name": "a", "value": "x" * 10_001, "isRegex": False}]), 400),
            (asked(clock, id=str(uuid.uuid4())), 404),
            ([[]], 400),
        ]:
            assert (await served.call("POST", "/api/v2/silences", body))[0] == status, body
        for path, status in [("nonsense", 422), (str(uuid.uuid4()), 404)]:
            assert (await served.call("GET", f"/api/v2/silence/{path}"))[0] == status
        assert await served.call("GET", "/api/v2/silences") == (200, [])


async def test_more_silences_than_are_kept_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence_rules, "MOST_SILENCES", 2)
    clock = VirtualClock()
    async with serving(clock=clock) as served:
        made = [await served.call("POST", "/api/v2/silences", asked(clock)) for _ in range(3)]
        assert [status for status, _ in made] == [200, 200, 400]
        assert "silences are kept already" in made[2][1]
        known = asked(clock, id=made[0][1]["silenceID"], comment="changed")
        assert (await served.call("POST", "/api/v2/silences", known))[0] == 200


async def test_a_router_that_stands_by_shows_what_the_leader_saved() -> None:
    clock, tables = VirtualClock(), MemoryTables()
    async with (
        serving(clock=clock, store=MemoryStore(tables)) as leader,
        serving(clock=clock, store=MemoryStore(tables), leads=False) as other,
    ):
        _, body = await leader.call("POST", "/api/v2/silences", asked(clock))
        assert [one["id"] for one in (await other.call("GET", "/api/v2/silences"))[1]] == [body["silenceID"]]
        assert (await other.call("GET", f"/api/v2/silence/{body['silenceID']}"))[0] == 200
