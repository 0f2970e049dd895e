"""Thousands of requests to the real Alertmanager and to us: the same status, the same answer, in the same order.

What differs on purpose (``alerting/api/differences.py``) is left out of what is generated, or taken back in ``beside.py``.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from driftbell.alerting.times import rfc3339
from tests.alerting.api.beside import Both, beside

pytestmark = pytest.mark.slow

ALERTS, SILENCES = "/api/v2/alerts", "/api/v2/silences"
NAMES = ["alertname", "team", "sev", "job", "instance", "zone"]
VALUES = {
    "alertname": ["A", "B", "C.d"],
    "team": ["x", "y", "z", ""],
    "sev": ["crit", "warn", "info"],
    "job": ["j1", "j2"],
    "instance": ["i1", "i2", 'q"uote', "back\\slash", "ünï", "a,b"],
    "zone": ["", "new\nline"],
}
BROKEN = [
    *("&filter=", "&filter=a", "&filter=a=%22", "&filter=%zz", "&filter=a=~(", "&filter=a=%ff"),
    *("&receiver=(", "&a;b", "&filter=team=x;y"),
]


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with beside(tmp_path) as found:
        yield found


def moment(seconds: float) -> str:
    return rfc3339(round((time.time() + seconds) * 1000))


def labels(random: Random) -> dict[str, str]:
    return {name: random.choice(VALUES[name]) for name in NAMES if name == "alertname" or random.random() < 0.6}


def pattern(random: Random, value: str) -> str:
    escaped = urllib.parse.quote(value, safe="")
    return random.choice(
        [value, f"{value}|w.*", ".*", ".+", "[a-z]+", "(?i)" + value.upper(), "", f"^{value}$", escaped]
    )


def matcher(random: Random) -> dict[str, Any]:
    name = random.choice(NAMES)
    value = random.choice(VALUES[name])
    is_regex = random.random() < 0.3
    found = {"name": name, "value": pattern(random, value) if is_regex else value, "isRegex": is_regex}
    return found | random.choice([{}, {"isEqual": True}, {"isEqual": False}])


def silence(random: Random, **changes: Any) -> dict[str, Any]:
    start = random.choice([-3_000, -30, 0, 600 + random.random() * 1_000])
    return {
        "matchers": [matcher(random) for _ in range(random.randint(1, 3))],
        "startsAt": moment(start),
        "endsAt": moment(3_600 + random.random() * 100_000),
        "createdBy": random.choice(["me", ""]),
        "comment": "why",
        **changes,
    }


def filter_text(random: Random) -> str:
    name = random.choice([*NAMES, "absent"])
    value = random.choice(VALUES.get(name, ["x", ""]))
    operator = random.choice(["=", "!=", "=~", "!~"])
    if "~" in operator:
        value = pattern(random, value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    form = random.choice(['{}{}"{}"', ' {} {} "{}" ', "{}{}{}"])
    return form.format(name, operator, value if form == "{}{}{}" else escaped)


def query(random: Random, *, broken: float = 0.05) -> str:
    parts = [("filter", filter_text(random)) for _ in range(random.choice([0, 0, 1, 1, 2]))]
    switches = [name for name in ("active", "silenced", "inhibited", "unprocessed") if random.random() < 0.25]
    parts += [(name, random.choice(["true", "false", "1", "no", "", "T"])) for name in switches]
    if random.random() < 0.25:
        parts.append(("receiver", random.choice(["rest", "x.*", "x", "z.team", "xy|rest", "", "(?i)REST"])))
    text = urllib.parse.urlencode(parts)
    if random.random() < broken:
        text += random.choice(BROKEN)
    return f"?{text}" if text else ""


async def test_what_is_listed_is_the_same_for_every_question(both: Both) -> None:
    random = Random(1)
    posted = [
        {"labels": labels(random), "annotations": {"n": str(number)}, "startsAt": moment(-60), "endsAt": moment(7_200)}
        for number in range(80)
    ]
    posted[0]["generatorURL"] = "http://prometheus:9090/graph?g0.expr=up"
    assert (await both.agree("POST", ALERTS, posted))[0] == 200
    for _ in range(12):
        # One matcher of a team at least, so that not everything is silenced.
        narrow = {"name": "alertname", "value": random.choice(VALUES["alertname"]), "isRegex": False}
        made = silence(random)
        await both.agree("POST", SILENCES, made | {"matchers": [*made["matchers"], narrow]})
    everything: Any = None
    for _ in range(100):
        theirs, ours = await both.ask("GET", f"{ALERTS}/groups")
        everything = [sum(len(group["alerts"]) for group in one[1]) for one in (theirs, ours)]
        if everything[0] == everything[1]:
            break
        await asyncio.sleep(0.05)  # Alertmanager sorts into groups after it has answered
    assert everything[0] == everything[1] > 80
    states = [one["status"]["state"] for one in (await both.agree("GET", ALERTS))[1]]
    assert {"active", "suppressed"} == set(states)
    nothing = 0
    for _ in range(800):
        nothing += (await both.agree("GET", ALERTS + query(random)))[1] == []
    for _ in range(350):
        nothing += (await both.agree("GET", f"{ALERTS}/groups" + query(random)))[1] == []
    assert nothing < 800, "questions that nothing answers say little"
    for _ in range(150):
        asked = random.choice(VALUES["alertname"])
        await both.agree("GET", SILENCES + random.choice([query(random), f"?filter=alertname%3D{asked}"]))
    await both.agree("GET", "/api/v2/receivers")


async def test_silences_live_the_same_life(both: Both) -> None:
    random = Random(2)
    for _ in range(700):
        action = random.random()
        known = f"#{random.randrange(len(both.ids))}" if both.ids else None
        if action < 0.45 or known is None:
            await both.agree("POST", SILENCES, silence(random))
        elif action < 0.75:
            _, old = await both.agree("GET", f"/api/v2/silence/{known}")
            theirs, _ = await both.ask("GET", f"/api/v2/silence/{known}")
            changed = {key: theirs[1][key] for key in ("matchers", "startsAt", "endsAt", "createdBy", "comment")}
            changed |= random.choice(
                [
                    {"comment": "changed"},
                    {"endsAt": moment(1_000 + random.random() * 90_000)},
                    {"startsAt": moment(300 + random.random() * 500)},
                    {"startsAt": moment(-500)},
                    {"matchers": [matcher(random)]},
                    {"endsAt": moment(-5)},
                ]
            )
            # Their time to the millisecond is not ours: only of what is pending or changed it is the same for both.
            if old["status"]["state"] != "active" or "startsAt" in changed:
                theirs, ours = await both.ask("GET", f"/api/v2/silence/{known}")
                if theirs[1]["startsAt"][:19] != ours[1]["startsAt"][:19]:
                    continue
            status, told = await both.agree("POST", SILENCES, changed | {"id": known})
            if status == 400 and "silence invalid" in told:
                # Alertmanager has ended the old one all the same (routing/differences.py).
                await both.agree("DELETE", f"/api/v2/silence/{known}")
        else:
            await both.agree("DELETE", f"/api/v2/silence/{known}")
            await asyncio.sleep(0.002)  # for us the end itself, a millisecond, is still silent
    listed = [await both.ask("GET", SILENCES)]
    [(theirs, ours)] = listed
    states = {one["status"]["state"] for one in theirs[1]}
    assert states == {"active", "pending", "expired"}
    for state in ("active", "pending"):
        # What is over ends with the milliseconds of each, which is no order to compare.
        shown = [
            [both.normal(one, side)["id"] for one in answer[1] if one["status"]["state"] == state]
            for side, answer in enumerate((theirs, ours))
        ]
        assert shown[0] == shown[1]
    assert sorted(both.normal(one, 0)["id"] for one in theirs[1]) == sorted(
        both.normal(one, 1)["id"] for one in ours[1]
    )


async def test_posts_are_merged_and_listed_the_same(both: Both) -> None:
    random = Random(3)
    times = [None, -900, -400, -100, -20, 20, 100, 250, 400, 900]
    for turn in range(8):
        batch = []
        for number in range(150):
            alert: dict[str, Any] = {"labels": {"alertname": "M", "n": str(number)}, "annotations": {"turn": str(turn)}}
            for key in ("startsAt", "endsAt"):
                seconds = random.choice(times)
                if seconds is not None:
                    alert[key] = moment(seconds + random.random() * 5)
            batch.append(alert)
        await both.agree("POST", ALERTS, batch)
        status, listed = await both.agree("GET", ALERTS)
        assert status == 200 and 40 < len(listed) < 150


def bent(random: Random, body: Any) -> Any:
    """A body with one thing in it changed for another kind, left out, or named otherwise."""
    body = msgspec.json.decode(msgspec.json.encode(body))
    places: list[tuple[Any, Any]] = []

    def walk(one: Any) -> None:
        if isinstance(one, dict | list):
            for key, value in one.items() if isinstance(one, dict) else enumerate(one):
                places.append((one, key))
                walk(value)

    walk(body)
    if not places:
        return body
    container, key = random.choice(places)
    # null in place of an object makes Alertmanager break off.
    options: list[Any] = [
        "",
        "x",
        5,
        True,
        [],
        {},
        1.5,
        "2026-13-01T00:00:00Z",
        "a b",
        "ü" * 50,
        "http://a/b",
        "::",
        "/",
    ]
    if not isinstance(container[key], dict):
        options.append(None)
    choice = random.random()
    if choice < 0.15 and isinstance(container, dict):
        del container[key]
    elif choice < 0.25 and isinstance(container, dict):
        container[str(key).upper()] = container.pop(key)
    elif choice < 0.3 and isinstance(container, dict):
        container["unknown"] = random.choice(options)
    else:
        container[key] = random.choice(options)
    return body


async def test_bodies_of_any_kind_are_taken_and_refused_the_same(both: Both) -> None:
    random = Random(4)
    refused: dict[int, int] = {}
    for number in range(1_200):
        alert = {
            "labels": labels(random) | {"n": str(number)},
            "annotations": {"summary": "s"},
            "startsAt": moment(-10),
            "endsAt": moment(600),
            "generatorURL": "http://prometheus:9090/graph",
        }
        body = bent(random, [alert])
        theirs, ours = await both.ask("POST", ALERTS, body)
        told = [both.normal(one[1], side) for side, one in enumerate((theirs, ours))]
        if theirs[0] == 400 and isinstance(theirs[1], dict):
            # Go reads fields in the order of the body, and tells of the first that is wrong.
            told = [one["message"].partition("json: cannot")[0] for one in told]
        assert (theirs[0], told[0]) == (ours[0], told[1]), body
        refused[theirs[0]] = refused.get(theirs[0], 0) + 1
    for _ in range(1_200):
        body = bent(random, silence(random))
        theirs, ours = await both.ask("POST", SILENCES, body)
        told = [both.normal(one[1], side) for side, one in enumerate((theirs, ours))]
        if theirs[0] == 400 and isinstance(theirs[1], dict):
            # Go reads fields in the order of the body, and tells of the first that is wrong.
            told = [one["message"].partition("json: cannot")[0] for one in told]
        assert (theirs[0], told[0]) == (ours[0], told[1]), body
        refused[theirs[0]] = refused.get(theirs[0], 0) + 1
    assert all(refused.get(status, 0) > 100 for status in (200, 400, 422)), refused
    await both.agree("GET", ALERTS)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_paths_and_methods_are_refused_the_same(both: Both, method: str) -> None:
    for path in (
        ALERTS,
        f"{ALERTS}/",
        f"{ALERTS}/groups",
        SILENCES,
        "/api/v2/receivers",
        "/api/v2/nothing",
        "/api/v2/Alerts",
    ):
        if method == "GET" or path not in (ALERTS, f"{ALERTS}/", SILENCES) or method != "POST":
            await both.agree(method, path)
    for silence_id in ("nonsense", "11111111-1111-1111-1111-111111111111", "A" * 32):
        await both.agree(method, f"/api/v2/silence/{silence_id}")
    for path in ("/-/healthy", "/-/ready"):
        theirs, ours = await both.ask(method, path)
        # OPTIONS is for pages of others.
        assert method == "OPTIONS" or theirs == ours
