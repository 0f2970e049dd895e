"""Random timelines with inhibition and silences, through the real Alertmanager and through our core at once.

Our core is made to differ from Alertmanager in nothing: three differences on purpose (``routing/differences.py``) are taken
back below, each in a line of its own. What is left must agree: who is notified of what, and when.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
import msgspec
import pytest

from driftbell.alerting.commands.obeying import obey
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.incidents.decision import Decision, DecisionReason
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, Muted, Muter
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.silence import Command, ExpireSilence, PutSilence, SilenceMatcher
from driftbell.alerting.state.state import Draft
from driftbell.runtime.config.router import RouterConfig
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Rig
from tests.services.alertmanager import Alertmanager, Hook

SCRIPTS = 60
END = 9
#: Whole seconds are flushes; what is done lies between them.
SLOTS = (0.3, 0.5, 0.7)
#: Seconds: how late an action may be before the timelines are played again, and a notification before it is another one.
PUNCTUAL, TOLERANCE = 0.25, 0.45
RULES = [
    {"source_matchers": ["level=critical"], "target_matchers": ["level=~warning|info"], "equal": ["script"]},
    {"source_match": {"level": "warning"}, "target_match": {"level": "info"}, "equal": ["script", "team"]},
]
#: Model of an alert -> its other labels. Not ``severity``: a rise of it is notified at once here, on purpose.
#: The first fires from the start to the end, so that no group ever ends.
LABELS = {
    "anchor": {"level": "page"},
    "a": {"level": "critical"},
    "b": {"level": "warning", "team": "x"},
    "c": {"level": "warning"},
    "d": {"level": "info", "team": "x"},
    "e": {"level": "info"},
}


@dataclass(frozen=True)
class Action:
    """What happens: ``fire`` or ``resolve`` some models, or ``silence`` them or ``expire`` that silence (``name``)."""

    what: str
    models: tuple[str, ...]
    name: str = ""


Script = Mapping[float, Action]


def script(random: Random) -> Script:
    made: dict[float, Action] = {0.0: Action("fire", ("anchor", *random.sample("abcde", random.randint(0, 2))))}
    fires, silences, count = set(made[0.0].models), {}, 0
    for second in range(END - 1):
        for slot in SLOTS:
            if random.random() < 0.5:
                continue
            what = random.choice(["fire", "fire", "resolve", "silence", "expire"])
            models = tuple(random.sample(list(LABELS), random.choice([1, 1, 2])))
            if what == "fire":
                models = tuple(model for model in models if model not in fires)
                fires |= set(models)
            elif what == "resolve":
                models = tuple(model for model in models if model in fires and model != "anchor")
                fires -= set(models)
            elif what == "silence":
                count += 1
                silences[f"s{count}"] = models
            elif silences:
                name = random.choice(list(silences))
                made[second + slot] = Action("expire", silences.pop(name), name)
                continue
            if models and what != "expire":
                made[second + slot] = Action(what, models, f"s{count}")
    return made


def labels_of(number: int, model: str) -> dict[str, str]:
    return {"alertname": "X", "script": str(number), "model": model, **LABELS[model]}


class Play:
    """All scripts against the real one, at once."""

    def __init__(self, scripts: Sequence[Script], http: aiohttp.ClientSession) -> None:
        self._scripts = scripts
        self._http = http
        self._started: dict[tuple[int, str], str] = {}
        self._silences: dict[tuple[int, str], str] = {}

    async def run(self, base: float) -> float:
        """Returns by how many seconds it was late at most."""
        late = 0.0
        for at in sorted({at for one in self._scripts for at in one}):
            await asyncio.sleep(max(0, base + at - time.time()))
            now = datetime.now(UTC)
            alerts: list[dict[str, Any]] = []
            calls = []
            for number, one in enumerate(self._scripts):
                action = one.get(at)
                if action is None:
                    continue
                if action.what in ("fire", "resolve"):
                    alerts += [self._alert(number, model, action.what, now) for model in action.models]
                elif action.what == "silence":
                    calls.append(self._silence(number, action, now))
                else:
                    calls.append(self._expire(number, action))
            await asyncio.gather(self._post(alerts), *calls)
            late = max(late, time.time() - base - at)
        return late

    def _alert(self, number: int, model: str, what: str, now: datetime) -> dict[str, Any]:
        if what == "fire":
            self._started[number, model] = now.isoformat()
        ends = now if what == "resolve" else now + timedelta(hours=1)
        return {
            "labels": labels_of(number, model),
            "startsAt": self._started[number, model],
            "endsAt": ends.isoformat(),
        }

    async def _post(self, alerts: list[dict[str, Any]]) -> None:
        if alerts:
            async with self._http.post("/api/v2/alerts", json=alerts) as answer:
                assert answer.status == 200, await answer.text()

    async def _silence(self, number: int, action: Action, now: datetime) -> None:
        matchers = [
            {"name": "script", "value": str(number), "isRegex": False},
            {"name": "model", "value": "|".join(action.models), "isRegex": True},
        ]
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "me",
            "comment": "x",
        }
        async with self._http.post("/api/v2/silences", json=body) as answer:
            assert answer.status == 200, await answer.text()
            self._silences[number, action.name] = (await answer.json())["silenceID"]

    async def _expire(self, number: int, action: Action) -> None:
        async with self._http.delete(f"/api/v2/silence/{self._silences[number, action.name]}") as answer:
            assert answer.status == 200, await answer.text()


Told = list[tuple[float, str, list[str], list[str]]]


def theirs(scripts: Sequence[Script], tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """What Alertmanager sent: seconds, status, models that fire, models that are over."""

    async def run() -> list[Told] | None:
        async with Hook() as hook:
            timers = {"group_by": ["script"], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}
            receiver = {"name": "r", "webhook_configs": [{"url": f"{hook.address}/"}]}
            config = {"route": {"receiver": "r", **timers}, "receivers": [receiver], "inhibit_rules": RULES}
            with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as server:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
                    base = time.time() + 0.2
                    late = await Play(scripts, http).run(base)
                    await asyncio.sleep(max(0, base + END + 0.5 - time.time()))
        if late > PUNCTUAL:
            return None
        found: dict[int, Told] = defaultdict(list)
        for at, body in hook.taken:
            over = [one["labels"]["model"] for one in body["alerts"] if one["status"] == "resolved"]
            fire = [one["labels"]["model"] for one in body["alerts"] if one["status"] == "firing"]
            found[int(body["groupLabels"]["script"])].append((at - base, body["status"], sorted(fire), sorted(over)))
        return [found[number] for number in range(len(scripts))]

    for _ in range(5):
        told = asyncio.run(run())
        if told is not None:
            return told
    pytest.fail("this machine is too busy to play a script in time")


class AsAlertmanager(Dispatch):
    """Two differences taken back: a resolve while muted is lost; a muted alert in an open incident counts for nothing."""

    def _decide(
        self,
        draft: Draft,
        group: Group,
        node: Any,
        destination: Destination,
        alerts: Mapping[str, Alert],
        mutes: Mapping[str, Muted],
        now_ms: int,
        called: Sequence[str] = (),
    ) -> Decision:
        loud = {fingerprint: alert for fingerprint, alert in alerts.items() if not mutes[fingerprint]}
        if not loud:
            return Decision(group.id, group.key, destination.id, DecisionReason.UP_TO_DATE, None, 0, 0, mutes, 0)
        return super()._decide(draft, group, node, destination, loud, dict.fromkeys(loud, Muted()), now_ms, called)


@dataclass
class AtTheNextLook:
    """A difference taken back: what a mute held back is notified at the next group_interval, not when the mute ends."""

    muter: Muter

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        return MuteAnswer(self.muter.mute(alert, context).muting)


async def ours(number: int, one: Script, *, as_alertmanager: bool = True) -> Rig:
    route = {"group_by": ["script"], "group_wait": 1.0, "group_interval": 1.0, "repeat_interval": 3600.0}
    muters: list[Muter] = list(muters_of(msgspec.convert({"inhibit_rules": RULES}, RouterConfig)))
    rig = Rig(route, muters=[AtTheNextLook(muter) for muter in muters] if as_alertmanager else muters)
    await rig.start()
    if as_alertmanager:
        # A claim makes the rules anew.
        rig.router._dispatch.__class__ = AsAlertmanager
    episodes: dict[str, int] = defaultdict(int)
    started: dict[str, int] = {}
    for at in sorted(one):
        await rig.until(at)
        action, now_ms = one[at], rig.clock()
        if action.what in ("fire", "resolve"):
            for model in action.models:
                if action.what == "fire":
                    episodes[model] += 1
                    started[model] = now_ms
                status: Any = "firing" if action.what == "fire" else "resolved"
                labels = labels_of(number, model)
                await rig.push(
                    make_alert(status, at_ms=now_ms, started_ms=started[model], episode=episodes[model], labels=labels)
                )
            continue
        command = Command(id=f"{action.name}{action.what}", action=_command(number, action, now_ms))

        def do(draft: Draft, now_ms: int, command: Command = command) -> None:
            obey(draft, command, now_ms)
            if as_alertmanager:
                draft.groups.clear()

        await rig.router.change(do)
    await rig.until(END + 0.4)
    return rig


def _command(number: int, action: Action, now_ms: int) -> PutSilence | ExpireSilence:
    if action.what == "expire":
        return ExpireSilence(silence_id=f"{action.name}silence")
    matchers = (
        SilenceMatcher(name="script", value=str(number)),
        SilenceMatcher(name="model", value="|".join(action.models), is_regex=True),
    )
    return PutSilence(matchers=matchers, ends_ms=now_ms + 3_600_000)


@pytest.mark.slow
def test_the_same_is_notified_at_the_same_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    random = Random(20)
    scripts = [script(random) for _ in range(SCRIPTS)]
    expected = theirs(scripts, tmp_path_factory)
    notifications = held = 0
    for number, one in enumerate(scripts):
        rig = asyncio.run(ours(number, one))
        told = [
            (
                arrival.at,
                arrival.delivery.notification.status,
                arrival.firing,
                arrival.resolved,
            )
            for arrival in rig.vendor.arrivals
        ]
        assert [one[1:] for one in told] == [one[1:] for one in expected[number]], (number, one, told, expected[number])
        for mine, their in zip(told, expected[number], strict=True):
            assert abs(mine[0] - their[0]) < TOLERANCE
        notifications += len(told)
        held += sum(bool(decision.muted) for _, decision in rig.decisions)
    assert notifications > 2 * SCRIPTS
    assert held > SCRIPTS / 4


@pytest.mark.parametrize("seed", range(3))
def test_the_router_as_it_is_leaves_nothing_open(seed: int) -> None:
    """The same timelines with the differences: all that was opened is closed when all is over, whatever is muted then."""
    random = Random(seed)
    for number in range(20):
        one = script(random)
        rig = asyncio.run(ours(number, one, as_alertmanager=False))
        asyncio.run(_all_over(number, rig))
        assert rig.vendor.open == {}
        assert rig.vendor.opened == rig.vendor.closed
        assert rig.vendor.stray == 0


async def _all_over(number: int, rig: Rig) -> None:
    for entry in list(rig.router.state.entries.values()):
        alert = entry.alert
        if alert is not None and alert.status == "firing":
            over = make_alert("resolved", at_ms=rig.clock(), episode=alert.episode, labels=dict(alert.labels))
            await rig.push(over)
    await rig.until(END + 10)
