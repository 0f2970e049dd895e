"""Stores of the router as fixtures: every test that takes ``new_store`` runs in memory, on Redis and on Valkey."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.store import RouterStore
from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import connect
from tests.services.redis import RedisServer

#: Makes one more router's view of the same state.
NewStore = Callable[[], RouterStore]


@dataclass(frozen=True, slots=True)
class SharedState:
    """State that several stores share."""

    new_store: NewStore
    #: Remember the state as it is; the result goes back to it, as a server does that lost its last writes.
    remember: Callable[[], Callable[[], None]]


@pytest.fixture(params=["memory", "redis", "valkey"])
async def shared_state(request: pytest.FixtureRequest) -> AsyncIterator[SharedState]:
    """State of each kind; the stores on it are closed after the test."""
    made: list[RouterStore] = []
    if request.param == "memory":
        tables = MemoryTables()

        def make() -> RouterStore:
            made.append(MemoryStore(tables))
            return made[-1]

        def remember() -> Callable[[], None]:
            kept = copy.deepcopy(vars(tables))
            return lambda: vars(tables).update(copy.deepcopy(kept))
    else:
        url: str = request.getfixturevalue(f"{request.param}_url")
        server: RedisServer = request.getfixturevalue(f"{request.param}_server")

        def make() -> RouterStore:
            made.append(RedisStore(connect(Redis(url=url)), "test"))
            return made[-1]

        def remember() -> Callable[[], None]:
            with server.client() as client:
                kept = {key: client.dump(key) for key in client.keys("*")}

            def go_back() -> None:
                with server.client() as client:
                    client.flushall()
                    for key, value in kept.items():
                        client.restore(key, 0, value)

            return go_back

    yield SharedState(make, remember)
    for store in made:
        await store.close()


@pytest.fixture
def new_store(shared_state: SharedState) -> NewStore:
    """Make stores that share their state."""
    return shared_state.new_store
