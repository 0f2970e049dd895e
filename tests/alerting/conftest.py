"""Stores of the router as fixtures: every test that takes ``new_store`` runs in memory, on Redis and on Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from alerting.stores.memory import MemoryStore, MemoryTables
from alerting.stores.redis import RedisStore
from alerting.stores.store import RouterStore
from runtime.config import Redis
from runtime.redis import connect

#: Makes one more router's view of the same state.
NewStore = Callable[[], RouterStore]


@pytest.fixture(params=["memory", "redis", "valkey"])
async def new_store(request: pytest.FixtureRequest) -> AsyncIterator[NewStore]:
    """Make stores that share their state; they are closed after the test."""
    made: list[RouterStore] = []
    if request.param == "memory":
        tables = MemoryTables()

        def make() -> RouterStore:
            made.append(MemoryStore(tables))
            return made[-1]
    else:
        url: str = request.getfixturevalue(f"{request.param}_url")

        def make() -> RouterStore:
            made.append(RedisStore(connect(Redis(url=url)), "test"))
            return made[-1]

    yield make
    for store in made:
        await store.close()
