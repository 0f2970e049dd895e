"""The router is killed at every point of its sequence: no page lost, at most one extra per crash, every incident closed.

The points: ``decided`` (before the write), ``saved`` (written, not yet acted on), ``claimed`` (marked as being sent, not
sent), ``sent`` (the vendor has it, not yet noted), ``marked`` (noted).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.errors import StoreUnavailableError
from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import Kind
from driftbell.alerting.state.store import Changes
from driftbell.schemas import Alert
from tests.alerting.conftest import NewStore
from tests.alerting.rig import Rig, VendorChannel, VirtualClock

ROUTE = {"group_by": ["team"], "group_wait": 1, "group_interval": 2, "repeat_interval": 20}
DESTINATIONS = ["oncall/pagerduty[0]", "oncall/slack[0]"]
POINTS = ["decided", "saved", "claimed", "sent", "marked"]


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills at the n-th passage of a point (counted from 0); several times if told so."""

    def __init__(self, *kills: tuple[str, int]) -> None:
        self.kills = set(kills)
        self.passages: Counter[str] = Counter()
        self.killed = 0

    def __call__(self, point: str) -> None:
        passage = self.passages[point]
        self.passages[point] += 1
        if (point, passage) in self.kills:
            self.killed += 1
            raise Killed(point)


class Life:
    """One story of alerts, told by as many routers as it takes."""

    def __init__(self, new_store: NewStore, killer: Killer) -> None:
        self.clock = VirtualClock()
        self.channels = {name: VendorChannel(self.clock) for name in DESTINATIONS}
        self.topic: list[Alert] = []
        self._new_store = new_store
        self._killer = killer
        self._generation = 0
        self.rig: Rig | None = None
        self.unavailable = 0

    async def live(self) -> None:
        """Two teams, three models, a vendor that fails for a while, everything over at the end."""
        pagerduty = self.channels["oncall/pagerduty[0]"]
        await self.step(lambda rig: rig.fire("fraud", team="risk"))
        await self.step(lambda rig: rig.until(1.2))
        await self.step(lambda rig: rig.fire("churn", team="risk"))
        await self.step(lambda rig: rig.fire("ads", team="growth"))
        await self.step(lambda rig: rig.until(5))
        pagerduty.script = [failed(OutcomeReason.SERVER_ERROR, "HTTP 500")] * 2
        await self.step(lambda rig: rig.resolve("fraud", team="risk"))
        await self.step(lambda rig: rig.until(12))
        await self.step(lambda rig: rig.resolve("churn", team="risk"))
        await self.step(lambda rig: rig.resolve("ads", team="growth"))
        await self.step(lambda rig: rig.until(20))
        await self.step(lambda rig: rig.fire("ads", team="growth", episode=2))
        await self.step(lambda rig: rig.until(30))
        await self.step(lambda rig: rig.resolve("ads", team="growth", episode=2))
        await self.step(lambda rig: rig.until(60))

    async def step(self, action: Callable[[Rig], Awaitable[object]]) -> None:
        """One action. A kill in it ends this router; the next one goes on.

        What was published is on the topic whatever happens to the router, so publishing is not repeated.
        """
        known = len(self.topic)
        while True:
            try:
                if self.rig is None:
                    self._generation += 1
                    rig = Rig(
                        ROUTE,
                        destinations=DESTINATIONS,
                        channels=self.channels,
                        store=self._new_store(),
                        topic=self.topic,
                        clock=self.clock,
                        crash=self._killer,
                    )
                    await rig.start(self._generation)
                    self.rig = rig
                if len(self.topic) == known:
                    await action(self.rig)
                else:
                    await self.rig.read()
                return
            except Killed:
                self.rig = None
            except StoreUnavailableError:
                # The process lives and tries again.
                self.unavailable += 1

    def check(self) -> None:
        """The promises."""
        assert self.rig is not None
        assert self.rig.router.state.queues == {} and self.rig.router.state.groups == {}
        extra = 0
        for channel in self.channels.values():
            # No page lost: risk once, growth twice.
            assert (channel.opened, channel.closed) == (3, 3)
            assert channel.open == {}
            taken = Counter(arrival.delivery.id for arrival in channel.arrivals if arrival.took)
            extra += sum(count - 1 for count in taken.values())
            for key in {arrival.delivery.key for arrival in channel.arrivals}:
                kinds = [arrival.kind for arrival in channel.arrivals if arrival.took and arrival.delivery.key == key]
                assert kinds[0] is Kind.TRIGGER and kinds[-1] is Kind.RESOLVE
        assert extra <= self._killer.killed


async def passages() -> Counter[str]:
    """How often each point is passed in a life without crashes, which keeps the promises to the letter."""
    killer, tables = Killer(), MemoryTables()
    life = Life(lambda: MemoryStore(tables), killer)
    await life.live()
    life.check()
    return killer.passages


async def test_without_a_crash_nothing_is_sent_twice() -> None:
    found = await passages()

    assert set(found) == set(POINTS)
    assert found["sent"] == found["claimed"] == found["marked"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_at_every_passage_of_a_point(point: str) -> None:
    found = await passages()
    for passage in range(found[point]):
        tables = MemoryTables()
        killer = Killer((point, passage))
        life = Life(lambda tables=tables: MemoryStore(tables), killer)  # type: ignore[misc]
        await life.live()

        assert killer.killed == 1
        life.check()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("passage", [0, 3, 7])
async def test_a_crash_with_the_state_in_a_server(new_store: NewStore, point: str, passage: int) -> None:
    killer = Killer((point, passage))
    life = Life(new_store, killer)
    await life.live()

    assert killer.killed == 1
    life.check()


class FlakyStore(MemoryStore):
    """A store whose answers get lost: some saves fail, written or not."""

    def __init__(self, tables: MemoryTables, failures: Mapping[int, bool], saves: Iterator[int]) -> None:
        super().__init__(tables)
        self._failures = failures
        self._saves = saves

    async def save(self, changes: Changes) -> None:
        number = next(self._saves)
        if self._failures.get(number, True):
            await super().save(changes)
        if number in self._failures:
            raise StoreUnavailableError("no answer")


@pytest.mark.slow
@given(
    failures=st.dictionaries(st.integers(0, 80), st.booleans(), min_size=1, max_size=30),
    kills=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(0, 40)), max_size=3, unique=True),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_store_that_answers_now_and_then(
    monkeypatch: pytest.MonkeyPatch, failures: dict[int, bool], kills: list[tuple[str, int]]
) -> None:
    monkeypatch.setattr("driftbell.alerting.process.sender._STORE_PAUSE_SECONDS", 0)
    tables, saves = MemoryTables(), itertools.count()
    life = Life(lambda: FlakyStore(tables, failures, saves), Killer(*kills))
    await life.live()

    life.check()


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(POINTS), st.integers(0, 40)), min_size=2, max_size=8, unique=True))
@settings(max_examples=100)
async def test_any_number_of_crashes(kills: list[tuple[str, int]]) -> None:
    tables = MemoryTables()
    life = Life(lambda: MemoryStore(tables), Killer(*kills))
    await life.live()

    life.check()
