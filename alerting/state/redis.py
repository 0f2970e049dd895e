"""The durable store: a few Redis (or Valkey) hashes under one hash tag, written by one Lua call per decision."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib.resources import files
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from driftbell.alerting.errors import FencedError, LostWritesError, NewerFormatError, StoreUnavailableError
from driftbell.alerting.state.store import Changes, Table, Tables
from driftbell.runtime.redis import Client, close

#: A live owner writes at least every ``driftbell.alerting.process.leader.HEARTBEAT_SECONDS``; after this silence a lower
#: generation may claim.
STALE_MS = 60_000

#: Fields fetched at once when loading, so that no single answer blocks the server or us for long.
_SCAN_COUNT = 5_000

_TABLES = (
    Table.ENTRIES,
    Table.GROUPS,
    Table.QUEUES,
    Table.DEAD,
    Table.OFFSETS,
    Table.SILENCES,
    Table.ANSWERS,
    Table.DESTINATIONS,
    Table.TIMELINES,
)


T = TypeVar("T")


class RedisStore:
    """One router group's state in Redis.

    Args:
        client: an asyncio client that returns bytes (``decode_responses=False``); it is closed by ``close``.
        group: the router's consumer group; it names the keys.
        stale_ms: see ``STALE_MS``.
    """

    def __init__(self, client: Client, group: str, *, stale_ms: int = STALE_MS) -> None:
        self._client: Any = client
        # One hash tag, so that all keys are in one slot of a cluster and one script may write them.
        prefix = f"{{driftbell-router:{group}}}"
        self._meta = f"{prefix}:meta"
        self._commands = f"{prefix}:commands"
        self._keys = {table: f"{prefix}:{table}" for table in _TABLES}
        self._stale_ms = stale_ms
        self._generation = -1
        #: The last write that is known to be in the store, and the last that was sent. In between are those without an answer.
        self._written = self._sent = 0
        scripts = files("driftbell.alerting.state")
        self._claim = self._client.register_script((scripts / "claim.lua").read_text("utf-8"))
        self._save = self._client.register_script((scripts / "save.lua").read_text("utf-8"))

    async def claim(self, generation: int) -> Tables:
        """See ``RouterStore.claim``."""
        try:
            verdict, detail = await self._claim(keys=[self._meta], args=[generation, self._stale_ms])
            if verdict == -1:
                raise NewerFormatError(
                    f"the router's keys in Redis have layout {detail.decode()}, this driftbell reads 1"
                )
            if verdict == 0:
                raise FencedError(f"generation {detail.decode()} owns the router's state, this one is {generation}")
            self._generation = generation
            self._written = self._sent = int(detail)
            return {table: await self._load(key) for table, key in self._keys.items()}
        except (RedisError, RedisClusterException, OSError) as error:
            raise _unavailable(error) from error

    async def save(self, changes: Changes) -> None:
        """See ``RouterStore.save``."""
        await self._write(changes, whole=False)

    async def restate(self, tables: Changes) -> None:
        """See ``RouterStore.restate``."""
        await self._write(tables, whole=True)

    async def submit(self, command_id: str, command: bytes) -> None:
        """See ``CommandBox.submit``."""
        await self._asked(self._client.hsetnx(self._commands, command_id, command))

    async def withdraw(self, command_id: str) -> bool:
        """See ``CommandBox.withdraw``."""
        return bool(await self._asked(self._client.hdel(self._commands, command_id)))

    async def commands(self) -> dict[str, bytes]:
        """See ``CommandBox.commands``."""
        found = await self._asked(self._client.hgetall(self._commands))
        return {name.decode(errors="replace"): value for name, value in found.items()}

    async def look(self, table: Table, key: str | None = None) -> dict[str, bytes]:
        """See ``CommandBox.look``."""
        if key is None:
            return await self._asked(self._load(self._keys[table]))
        value = await self._asked(self._client.hget(self._keys[table], key))
        return {} if value is None else {key: value}

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (RedisError, RedisClusterException, OSError) as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await close(self._client)

    async def _write(self, changes: Changes, *, whole: bool) -> None:
        self._sent += 1
        number = self._sent
        arguments: list[Any] = [self._generation, self._written, number, int(whole)]
        for table in _TABLES:
            content = changes.get(table, {})
            kept = [(key, value) for key, value in content.items() if value is not None]
            gone = [key for key, value in content.items() if value is None]
            arguments.append(len(kept))
            for key, value in kept:
                arguments += (key, value)
            arguments += (len(gone), *gone)
        try:
            written = await self._save(keys=[self._meta, *self._keys.values()], args=arguments)
        except (RedisError, RedisClusterException, OSError) as error:
            raise _unavailable(error) from error
        if not written:
            raise FencedError("another router owns the state now")
        if written == -1:
            raise LostWritesError("the store has lost what was written last")
        self._written = number

    async def _load(self, key: str) -> dict[str, bytes]:
        return {field.decode(): value async for field, value in self._client.hscan_iter(key, count=_SCAN_COUNT)}


def _unavailable(error: Exception) -> StoreUnavailableError:
    gone = isinstance(error, RedisConnectionError | RedisTimeoutError | OSError)
    what = "Redis does not answer" if gone else "Redis refuses"
    return StoreUnavailableError(f"{what}: {error}")
