"""From the one who asks to the leader and back, over both stores."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.commands import obeying
from driftbell.alerting.commands.asking import NoLeaderError, ask, silences
from driftbell.alerting.commands.taking_up import take_up
from driftbell.alerting.errors import StoreUnavailableError
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.state.encoding import encode
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.silence import Answer, Command, ExpireSilence, PutSilence, SilenceMatcher
from driftbell.alerting.state.store import Table
from driftbell.cli import main
from driftbell.runtime.config.model import Redis
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.redis import connect
from tests.alerting.alerts import START_MS
from tests.alerting.conftest import NewStore
from tests.alerting.rig import Rig

FRAUD = PutSilence(matchers=(SilenceMatcher(name="model", value="fraud"),), ends_ms=START_MS + 3_600_000)


async def rig(store: Any) -> Rig:
    return await Rig({"group_by": ["model"]}, store=store, muters=muters_of(RouterConfig())).start()


async def asked(store: Any, one: Rig, action: PutSilence | ExpireSilence, command_id: str) -> Answer:
    async def lead() -> None:
        for _ in range(500):
            if await take_up(store, one.router):
                return
            await asyncio.sleep(0.01)

    leader = asyncio.create_task(lead())
    answer = await ask(store, Command(id=command_id, action=action), seconds=5)
    await leader
    return answer


async def test_a_silence_is_added_listed_and_expired(new_store: NewStore) -> None:
    leading: Any = new_store()
    people: Any = new_store()
    one = await rig(leading)
    added = await asked(people, one, FRAUD, "c1")

    assert (added.reason, added.silence_id) == ("added", "c1")
    assert [silence.id for silence in await silences(people)] == ["c1"]
    assert (await asked(people, one, ExpireSilence(silence_id="c1"), "c2")).reason == "expired"
    assert [silence.ends_ms for silence in await silences(people)] == [START_MS]
    assert await people.commands() == {}


async def test_without_a_leader_the_command_is_taken_back(new_store: NewStore) -> None:
    people: Any = new_store()
    with pytest.raises(NoLeaderError):
        await ask(people, Command(id="c1", action=FRAUD), seconds=0.2)

    one = await rig(new_store())
    assert await take_up(people, one.router) == []
    assert await silences(people) == []


async def test_a_leader_that_dies_between_doing_and_taking_out_does_it_once(new_store: NewStore) -> None:
    store: Any = new_store()
    one = await rig(store)
    await store.submit("c1", encode(Command(id="c1", action=FRAUD)))
    await store.submit("c1", encode(Command(id="c1", action=ExpireSilence(silence_id="x"))))
    [first] = await take_up(store, one.router)
    await store.submit("c1", encode(Command(id="c1", action=FRAUD)))
    two = await Rig({"group_by": ["model"]}, store=store, clock=one.clock).start(2)
    two.clock.now_ms += 5_000
    [second] = await take_up(store, two.router)

    assert first == second
    assert len(await silences(store)) == 1


async def test_a_store_that_does_not_answer_leaves_the_command_for_later() -> None:
    class Away(MemoryStore):
        away = False

        async def save(self, changes: Any) -> None:
            if self.away:
                raise StoreUnavailableError("away")
            await super().save(changes)

    store = Away()
    one = await rig(store)
    await store.submit("c1", encode(Command(id="c1", action=FRAUD)))
    store.away = True
    with pytest.raises(StoreUnavailableError):
        await take_up(store, one.router)
    assert len(one.router.state.silences) == 0
    store.away = False

    assert [answer.reason for answer in await take_up(store, one.router)] == ["added"]


@pytest.mark.parametrize("data", [b"", b"rubbish", encode(Command(id="another", action=FRAUD)), b"\xff" * 9])
async def test_what_is_no_command_is_answered_so_and_taken_out(new_store: NewStore, data: bytes) -> None:
    store: Any = new_store()
    one = await rig(store)
    await store.submit("c1", data)

    assert [answer.reason for answer in await take_up(store, one.router)] == ["invalid"]
    assert await store.commands() == {}
    assert len(one.router.state.silences) == 0


async def test_a_command_at_which_the_router_fails_is_answered_and_does_not_stop_it(
    new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = new_store()
    one = await rig(store)
    await store.submit("c1", encode(Command(id="c1", action=FRAUD)))
    await store.submit("c2", encode(Command(id="c2", action=FRAUD)))
    real = obeying.obey

    def obey(draft: Any, command: Command, now_ms: int) -> Answer:
        if command.id == "c1":
            raise ZeroDivisionError
        return real(draft, command, now_ms)

    monkeypatch.setattr(obeying, "obey", obey)

    assert [answer.reason for answer in await take_up(store, one.router)] == ["invalid", "added"]
    assert await store.commands() == {}


def driftbell(folder: Path, url: str, *arguments: str) -> int:
    config = folder / "driftbell.yaml"
    config.write_text(f"redis: {{url: '{url}'}}\nrouter: {{group: people}}\n")
    return main(["--config", str(config), *arguments])


async def test_from_the_command_line(redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RedisStore(connect(Redis(url=redis_url)), "people")
    one = await rig(store)
    one.clock.now_ms = time.time_ns() // 1_000_000

    async def lead() -> None:
        while True:
            one.clock.now_ms = time.time_ns() // 1_000_000
            await take_up(store, one.router)
            await asyncio.sleep(0.05)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(driftbell, tmp_path, redis_url, "silence", *arguments)
        return code, capsys.readouterr().out

    leader = asyncio.create_task(lead())
    try:
        code, out = await run("add", "ErrorRateRose", "model=~fr.*", "-d", "2h", "--comment", "known", "-a", "me")
        sid = out.strip()
        assert code == 0
        assert (await run("list", "--quiet"))[1].split() == [sid]
        listed = json.loads((await run("list", "--json", "model=~fr.*"))[1])
        assert [one["name"] for one in listed["matchers"]] == ["alertname", "model"]
        assert (listed["comment"], listed["createdBy"], listed["status"]) == ("known", "me", {"state": "active"})
        assert sid in (await run("list"))[1]
        changed = json.loads(
            (
                await run(
                    "add", "ErrorRateRose", "model=~fr.*", "--id", sid, "--comment", "longer", "-d", "4h", "--json"
                )
            )[1]
        )
        assert changed == {"result": "changed", "id": sid}
        assert await run("expire", sid) == (0, f"{sid}\n")
        assert (await run("list"))[1] == "no silences\n"
        assert (await run("list", "--expired", "-q"))[1].split() == [sid]
        assert (await run("expire", "unknown"))[0] == 1
        assert (await run("add", "a=~.*", "--comment", "all"))[0] == 1
        assert len(await store.look(Table.SILENCES)) == 1
    finally:
        leader.cancel()
        await store.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "a=~(", "--comment", "x"],
        ["add", "a=b", "--comment", "x", "-d", "soon"],
        ["add", "a=b", "--comment", "x", "-d", "0s"],
        ["add", "a=b", "--comment", "x", "--end", "tomorrow"],
        ["list", "a=b", "c"],
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_asked(arguments: list[str], tmp_path: Path) -> None:
    assert driftbell(tmp_path, "redis://127.0.0.1:1/0", "silence", *arguments) == 2


def test_a_store_in_memory_is_nobody_elses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert driftbell(tmp_path, "memory://", "silence", "list") == 1
    assert "memory://" in capsys.readouterr().err
