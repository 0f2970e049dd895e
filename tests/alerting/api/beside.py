"""The real Alertmanager and our API with one configuration, asked the same at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from driftbell.alerting.api.wire.moments import moment_ms
from tests.alerting.api.serving import Served, serving
from tests.services.alertmanager import Alertmanager

TOLERANCE_MS = 1_500

#: Nothing is sent in the time of a test, so that no alert leaves its group.
CONFIG: dict[str, Any] = {
    "route": {
        "receiver": "rest",
        "group_by": ["team"],
        "group_wait": "1h",
        "routes": [
            {"receiver": "x-team", "matchers": ['team="x"'], "continue": True, "group_by": ["team", "sev"]},
            {"receiver": "xy", "matchers": ['team=~"x|y"', 'sev!="info"']},
            {"receiver": "z.team", "matchers": ['team="z"'], "group_by": ["..."]},
        ],
    },
    "receivers": [{"name": name} for name in ("rest", "x-team", "xy", "z.team")],
    "inhibit_rules": [
        {"source_matchers": ['sev="crit"'], "target_matchers": ['sev=~"warn|info"'], "equal": ["team", "job"]},
        {"source_match": {"sev": "warn"}, "target_match_re": {"sev": "in.o"}, "equal": ["team"]},
    ],
}


@dataclass
class Both:
    """Both of them. Ids that each made for a silence are known as one by a number."""

    served: Served
    http: aiohttp.ClientSession
    theirs: str
    ids: list[tuple[str, str]] = field(default_factory=list)
    numbers: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[tuple[int, Any], tuple[int, Any]]:
        """Ask Alertmanager and us: status and answer. ``#3`` in path or body is the id of the third silence."""
        data = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        asked = [self._own(path, data, side) for side in (0, 1)]
        theirs, ours = await asyncio.gather(
            self._call(self.http, method, f"{self.theirs}{asked[0][0]}", asked[0][1]),
            self._call(self.served.http, method, asked[1][0], asked[1][1]),
        )
        self._note(theirs, ours)
        return theirs, ours

    async def agree(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask both, and insist that they say the same; what Alertmanager says, normalised."""
        theirs, ours = await self.ask(method, path, body)
        said = [(one[0], self.normal(one[1], side)) for side, one in enumerate((theirs, ours))]
        assert said[0] == said[1], f"{method} {path} {body!r}\nAlertmanager: {said[0]}\nwe: {said[1]}"
        return said[0]

    def normal(self, answer: Any, side: int) -> Any:
        """Without what differs on purpose: ids, the zone of a time, texts of other parsers, which alert inhibits."""
        match answer:
            case list():
                return [self.normal(one, side) for one in answer]
            case {"alerts": list(alerts)}:
                return answer | {"alerts": self.normal(alerts, side)}
            case {"fingerprint": _, "status": status}:
                known = self.numbers[side]
                silenced = sorted(known.get(one, one) for one in status["silencedBy"])
                shown = {"state": status["state"], "silencedBy": silenced, "inhibited": bool(status["inhibitedBy"])}
                return answer | {"status": shown} | _times(answer)
            case {"id": silence_id}:
                return answer | {"id": self.numbers[side].get(silence_id, silence_id)} | _times(answer)
            case {"silenceID": silence_id}:
                return self.numbers[side].get(silence_id, silence_id)
            case {"message": message}:
                return answer | {"message": _text(message)}
            case str():
                return _text(answer)
        return answer

    def _note(self, theirs: tuple[int, Any], ours: tuple[int, Any]) -> None:
        """A silence that both have made has one number."""
        made = [one[1].get("silenceID") if isinstance(one[1], dict) else None for one in (theirs, ours)]
        if not all(made):
            return
        new = [made[side] not in self.numbers[side] for side in (0, 1)]
        assert new[0] is new[1], "one of them has made a new silence, the other has changed the old one"
        if new[0]:
            for side in (0, 1):
                self.numbers[side][str(made[side])] = f"#{len(self.ids)}"
            self.ids.append((str(made[0]), str(made[1])))

    def _own(self, path: str, data: bytes | None, side: int) -> tuple[str, bytes | None]:
        def own(found: re.Match[str]) -> str:
            return self.ids[int(found[1])][side]

        text = None if data is None else re.sub("#(\\d+)", own, data.decode(errors="surrogateescape"))
        return re.sub("#(\\d+)", own, path), None if text is None else text.encode(errors="surrogateescape")

    @staticmethod
    async def _call(http: aiohttp.ClientSession, method: str, url: str, data: bytes | None) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        async with http.request(method, URL(url, encoded=True), data=data, headers=headers) as answer:
            text = await answer.read()
            try:
                return answer.status, msgspec.json.decode(text)
            except msgspec.DecodeError:
                return answer.status, text.decode()


def _text(text: str) -> str:
    # In the order of Go's maps, which is none.
    text = re.sub(r"but \[([A-Z,]+)\]", lambda found: f"but {sorted(found[1].split(','))}", text)
    text = re.sub("(failed, because (?!json: cannot)|error parsing regexp: ).*", r"\1", text, flags=re.DOTALL)
    return re.sub(r"(matcher \d+: ).*regular expression.*", r"\1no regex", text, flags=re.DOTALL)


def _times(shown: dict[str, Any]) -> dict[str, Any]:
    return {key: About(shown[key]) for key in ("startsAt", "endsAt", "updatedAt")}


class About:
    """A time; what each makes of "now" differs by the milliseconds between the two."""

    def __init__(self, text: str) -> None:
        self.ms = moment_ms(text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, About) or self.ms is None or other.ms is None:
            return False
        return abs(self.ms - other.ms) <= TOLERANCE_MS

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return str(self.ms)


@contextlib.asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[Both]:
    """Start both."""
    ours = {**CONFIG, "route": {**CONFIG["route"], "group_wait": 3600.0}}
    server = Alertmanager(folder, CONFIG)
    await asyncio.to_thread(server.start)
    try:
        async with serving(ours) as served, aiohttp.ClientSession() as http:
            yield Both(served, http, f"http://127.0.0.1:{server.port}")
    finally:
        await asyncio.to_thread(server.stop)
