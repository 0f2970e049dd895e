"""What is said again, and what is not: the keeper asks the router's state, and changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from driftbell.alerting.channels.keeper import Keeper
from driftbell.alerting.errors import FencedError, StoreUnavailableError
from driftbell.alerting.outbox.firing_there import firing_there
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.schemas import Alert
from tests.alerting.rig import Rig

NAME = "oncall/alertmanager[0]"


class Kept:
    """A channel that must hear again, and remembers what it heard."""

    keep_seconds = 0.01

    def __init__(self) -> None:
        self.heard: list[list[str]] = []
        self.answers: list[Outcome] = []
        self.sixth = asyncio.Event()

    async def keep(self, firing: Callable[[], Sequence[Alert]]) -> Outcome:
        self.heard.append(sorted(alert.labels["model"] for alert in firing()))
        if len(self.heard) == 6:
            self.sixth.set()
        return self.answers.pop(0) if self.answers else sent()


async def keeper_of(rig: Rig) -> tuple[Keeper, Kept]:
    channel = Kept()
    return Keeper(NAME, channel, lambda: firing_there(rig.router.state, NAME), rig.router.heartbeat), channel


async def test_what_was_opened_and_fires_is_said_again() -> None:
    rig = await Rig({"group_wait": 10, "group_interval": 60}, destinations=[NAME]).start()
    keeper, channel = await keeper_of(rig)
    await rig.fire("a")
    await rig.fire("b")
    await keeper.step()
    await rig.until(11)
    await keeper.step()
    await rig.resolve("a")
    await keeper.step()
    await rig.resolve("b")
    await keeper.step()
    await rig.until(200)
    await keeper.step()

    assert channel.heard == [[], ["a", "b"], ["b"], [], []]


async def test_what_is_to_be_closed_is_not_said_again_though_it_fires() -> None:
    rig = await Rig({"group_wait": 0, "group_interval": 60}, destinations=[NAME]).start()
    keeper, channel = await keeper_of(rig)
    await rig.fire("a")
    await rig.until(1)
    rig.vendor.down = failed(OutcomeReason.SERVER_ERROR, "down")
    await rig.resolve("a")
    await rig.until(61)
    await keeper.step()
    # Another episode, behind the close that is still to be made.
    await rig.fire("a", episode=2)
    await rig.until(200)
    await keeper.step()
    rig.vendor.down = None
    await rig.until(1_000)
    await keeper.step()

    assert channel.heard == [[], [], ["a"]]


async def test_another_destination_is_not_spoken_for() -> None:
    rig = await Rig({"group_wait": 0}, destinations=[NAME, "oncall/slack[0]"]).start()
    await rig.fire("a")
    await rig.until(1)

    assert firing_there(rig.router.state, "oncall/slack[1]") == []
    assert len(firing_there(rig.router.state, NAME)) == 1


async def test_a_router_that_was_frozen_says_nothing_when_another_has_taken_over() -> None:
    shared = MemoryTables()
    rig = await Rig({"group_wait": 0}, destinations=[NAME], store=MemoryStore(shared)).start()
    keeper, channel = await keeper_of(rig)
    await rig.fire("a")
    await rig.until(1)
    await Rig(destinations=[NAME], store=MemoryStore(shared), topic=rig.topic).start(generation=2)
    with pytest.raises(FencedError):
        await keeper.step()
    assert channel.heard == []


async def test_without_the_store_nothing_is_said() -> None:
    async def away() -> None:
        raise StoreUnavailableError("away")

    channel = Kept()
    await Keeper(NAME, channel, list, away).step()

    assert channel.heard == []


async def test_a_failure_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = await Rig(destinations=[NAME]).start()
    keeper, channel = await keeper_of(rig)
    channel.answers = [failed(OutcomeReason.CONNECTION_FAILED, "refused")] * 3
    stop = asyncio.Event()
    task = asyncio.create_task(keeper.run(stop))
    await channel.sixth.wait()
    stop.set()
    await task

    said = [record.message for record in caplog.records if record.name.endswith("keeper")]
    assert said == ["repetitions are not taken", "repetitions are taken again"]


async def test_a_channel_that_raises_ends_nothing_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    class Raising(Kept):
        async def keep(self, firing: Callable[[], Sequence[Alert]]) -> Outcome:
            await super().keep(firing)
            raise ValueError("https://example.com/with-a-secret")

    async def ours() -> None:
        """It is."""

    channel, stop = Raising(), asyncio.Event()
    task = asyncio.create_task(Keeper(NAME, channel, list, ours).run(stop))
    await asyncio.wait([task, asyncio.ensure_future(channel.sixth.wait())], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await task

    [record] = [record for record in caplog.records if record.message == "repetitions are not taken"]
    assert record.__dict__["outcome"] == OutcomeReason.CHANNEL_BUG
    assert "ValueError at " in record.__dict__["detail"] and "secret" not in record.__dict__["detail"]
