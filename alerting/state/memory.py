"""The store for trying and for tests: the same promises as Redis, for as long as the process lives."""

from __future__ import annotations

from driftbell.alerting.errors import FencedError, LostWritesError
from driftbell.alerting.state.store import Changes, Table, Tables


class MemoryTables:
    """What several ``MemoryStore`` of one process share, as several routers share a Redis."""

    def __init__(self) -> None:
        self.tables: Tables = {table: {} for table in Table}
        self.commands: dict[str, bytes] = {}
        self.generation = 0
        #: Number of the last write.
        self.written = 0


class MemoryStore:
    """A router's view of shared tables."""

    def __init__(self, shared: MemoryTables | None = None) -> None:
        self.shared = shared or MemoryTables()
        self._generation = -1
        self._written = 0

    async def claim(self, generation: int) -> Tables:
        """See ``RouterStore.claim``."""
        if self.shared.generation > generation:
            raise FencedError(f"generation {self.shared.generation} owns the router's state, this one is {generation}")
        self.shared.generation = self._generation = generation
        self._written = self.shared.written
        return {table: dict(content) for table, content in self.shared.tables.items()}

    async def save(self, changes: Changes) -> None:
        """See ``RouterStore.save``."""
        self._check_owner()
        if self._has_lost_writes:
            raise LostWritesError("the store has lost what was written last")
        self._write(changes)

    async def restate(self, tables: Changes) -> None:
        """See ``RouterStore.restate``."""
        self._check_owner()
        self.shared.tables = {table: {} for table in Table}
        self.shared.generation, self.shared.written = self._generation, max(self.shared.written, self._written)
        self._write(tables)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def submit(self, command_id: str, command: bytes) -> None:
        """See ``CommandBox.submit``."""
        self.shared.commands.setdefault(command_id, command)

    async def withdraw(self, command_id: str) -> bool:
        """See ``CommandBox.withdraw``."""
        return self.shared.commands.pop(command_id, None) is not None

    async def commands(self) -> dict[str, bytes]:
        """See ``CommandBox.commands``."""
        return dict(self.shared.commands)

    async def look(self, table: Table, key: str | None = None) -> dict[str, bytes]:
        """See ``CommandBox.look``."""
        return {name: value for name, value in self.shared.tables[table].items() if key in (None, name)}

    @property
    def _has_lost_writes(self) -> bool:
        return self.shared.written < self._written

    def _check_owner(self) -> None:
        owner = self.shared.generation
        # A state that went back may be of before this owner's claim.
        if owner != self._generation and (owner > self._generation or not self._has_lost_writes):
            raise FencedError(f"generation {owner} owns the router's state now")

    def _write(self, changes: Changes) -> None:
        self.shared.written += 1
        self._written = self.shared.written
        for table, content in changes.items():
            kept = self.shared.tables[table]
            for key, value in content.items():
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
