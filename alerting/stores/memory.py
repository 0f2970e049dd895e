"""The store for trying and for tests: the same promises as Redis, for as long as the process lives."""

from __future__ import annotations

from alerting.errors import FencedError
from alerting.stores.store import Changes, Table, Tables


class MemoryTables:
    """What several ``MemoryStore`` of one process share, as several routers share a Redis."""

    def __init__(self) -> None:
        self.tables: Tables = {table: {} for table in Table}
        self.generation = 0


class MemoryStore:
    """A router's view of shared tables."""

    def __init__(self, shared: MemoryTables | None = None) -> None:
        self.shared = shared or MemoryTables()
        self._generation = -1

    async def claim(self, generation: int) -> Tables:
        """See ``RouterStore.claim``."""
        if self.shared.generation > generation:
            raise FencedError(f"generation {self.shared.generation} owns the router's state, this one is {generation}")
        self.shared.generation = self._generation = generation
        return {table: dict(content) for table, content in self.shared.tables.items()}

    async def save(self, changes: Changes) -> None:
        """See ``RouterStore.save``."""
        if self.shared.generation != self._generation:
            raise FencedError(f"generation {self.shared.generation} owns the router's state now")
        for table, content in changes.items():
            kept = self.shared.tables[table]
            for key, value in content.items():
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value

    async def close(self) -> None:
        """Nothing to let go of."""
