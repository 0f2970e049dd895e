"""The checkpoint store in Redis (or Valkey): one hash tag per partition, one atomic Lua call per save."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, Final

import numpy as np
from redis.asyncio import Redis, RedisCluster
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from driftbell.runtime.redis import close
from driftbell.streams.checkpoints.checkpoint import (
    Checkpoint,
    Claim,
    ClaimOutcome,
    PartitionStatus,
    SaveOutcome,
    Stored,
)
from driftbell.streams.checkpoints.outbox_format import decode_outbox, encode_outbox
from driftbell.streams.encoding import BadStateError
from driftbell.streams.errors import RefusedError, StoreUnavailableError

#: Layout of the keys below; a change that older workers cannot read raises it.
LAYOUT_VERSION: Final = 1

#: What save.lua and touch.lua return.
_SAVE_OUTCOMES: Final = {
    1: SaveOutcome.SAVED,
    0: SaveOutcome.FENCED,
    -1: SaveOutcome.BEHIND,
    -2: SaveOutcome.ROLLED_BACK,
    -3: SaveOutcome.LOST,
}

_OFFSET, _MODEL = b"off:", b"m:"


class RedisCheckpointStore:
    """A ``CheckpointStore`` in Redis. All keys of one partition share the hash tag ``{group:partition}``.

    Args:
        redis: a client that returns bytes (``decode_responses=False``).
        group: the consumer group, which the keys are named after.
    """

    def __init__(self, redis: Redis | RedisCluster, group: str) -> None:
        self._redis = redis
        self._group = group
        #: Tells this process from others of the same generation: a static member that comes back keeps its generation, and
        #: what it takes over from may be frozen, not dead.
        self._token = secrets.token_hex(8)
        self._claim, self._save, self._touch = (_script(redis, f"{name}.lua") for name in ("claim", "save", "touch"))

    def _key(self, partition: int, suffix: str = "") -> bytes:
        return f"driftbell:{{{self._group}:{partition}}}{suffix}".encode()

    async def claim(self, partition: int, generation: int, owner: str, *, stale_after: float) -> Claim:
        """See ``CheckpointStore.claim``."""
        keys = (self._key(partition), self._key(partition, ":waiting"))
        outcome, holder, age_ms, main, waiting = await self._run(
            self._claim, keys, (generation, owner, round(stale_after * 1000), self._token)
        )
        age = age_ms / 1000
        if outcome == 0:
            return Claim(ClaimOutcome.FENCED, None, holder, age)
        fields = _pairs(main)
        if b"core" not in fields:
            return Claim(ClaimOutcome.FRESH, None, holder, age)
        layout = _whole(fields.get(b"v", b"0"))
        if layout > LAYOUT_VERSION:
            raise RefusedError(
                f"the checkpoint of partition {partition} has layout {layout}, this driftbell reads up to {LAYOUT_VERSION}: "
                f"run the newer release again"
            )
        stored = Stored(
            offsets={
                name[len(_OFFSET) :].decode(): _whole(value)
                for name, value in fields.items()
                if name.startswith(_OFFSET)
            },
            core=fields[b"core"],
            sequence=_whole(fields.get(b"seq", b"0")),
            models={name[len(_MODEL) :].decode(): blob for name, blob in fields.items() if name.startswith(_MODEL)},
            waiting=_pairs(waiting),
            outbox=decode_outbox(fields[b"outbox"]) if fields.get(b"outbox") else (),
        )
        return Claim(ClaimOutcome.CLAIMED, stored, holder, age)

    async def save(self, partition: int, generation: int, sequence: int, checkpoint: Checkpoint) -> SaveOutcome:
        """See ``CheckpointStore.save``."""
        join = checkpoint.join
        keys = [self._key(partition), self._key(partition, ":waiting")]
        keys += [self._slot(partition, slot) for slot in join.put]
        keys += [self._slot(partition, slot) for slot in join.drop]
        put = {name: blob for name, blob in checkpoint.models.items() if blob is not None}
        removed = [name for name, blob in checkpoint.models.items() if blob is None]
        args: list[Any] = [
            generation,
            sequence,
            len(checkpoint.offsets) + 3 + len(put),
            len(removed),
            len(join.unwait),
            len(join.put),
            self._token,
        ]
        for name, offset in checkpoint.offsets.items():
            args += (_OFFSET + name.encode(), offset)
        args += (b"v", LAYOUT_VERSION, b"core", checkpoint.core, b"outbox", encode_outbox(checkpoint.outbox))
        for name, blob in put.items():
            args += (_MODEL + name.encode(), blob)
        args += [_MODEL + name.encode() for name in removed]
        args += (*_packed(join.wait), *join.unwait)
        for predictions in join.put.values():
            args += _packed(predictions)
        return _SAVE_OUTCOMES[await self._run(self._save, keys, args)]

    async def touch(self, partition: int, generation: int, sequence: int) -> SaveOutcome:
        """See ``CheckpointStore.touch``."""
        return _SAVE_OUTCOMES[
            await self._run(self._touch, (self._key(partition),), (generation, sequence, self._token))
        ]

    async def lookup(
        self, partition: int, slots: Sequence[int], keys: Sequence[bytes]
    ) -> dict[bytes, tuple[int, bytes]]:
        """See ``CheckpointStore.lookup``."""
        if not keys or not slots:
            return {}
        newest_first = sorted(slots, reverse=True)
        pipeline = self._redis.pipeline(transaction=False)
        for slot in newest_first:
            pipeline.hmget(self._slot(partition, slot), list(keys))
        found: dict[bytes, tuple[int, bytes]] = {}
        for slot, values in zip(newest_first, await self._guard(pipeline.execute()), strict=True):
            for key, packed in zip(keys, values, strict=True):
                if packed is not None and key not in found:
                    found[key] = (slot, packed)
        return found

    async def status(self, partitions: Iterable[int]) -> list[PartitionStatus]:
        """See ``CheckpointStore.status``; the memory is Redis' own figure for the partition's keys."""
        return [status for partition in partitions if (status := await self._status(partition)) is not None]

    async def _status(self, partition: int) -> PartitionStatus | None:
        main = self._key(partition)
        names: list[bytes] = await self._guard(self._redis.hkeys(main))
        if b"gen" not in names:
            return None
        wanted = [b"gen", b"owner", b"saved_ms", b"core", *(name for name in names if name.startswith(_OFFSET))]
        fields = dict(zip(wanted, await self._guard(self._redis.hmget(main, wanted)), strict=True))
        slots = [key async for key in self._redis.scan_iter(match=self._slot_pattern(partition), count=1000)]
        memory = [await self._guard(self._redis.memory_usage(key)) or 0 for key in (main, *slots)]
        saved_ms = fields[b"saved_ms"]
        # The script reads the server's clock, so the age is taken against it too.
        seconds, micros = await self._guard(self._redis.time())
        return PartitionStatus(
            partition=partition,
            generation=int(fields[b"gen"] or 0),
            owner=(fields[b"owner"] or b"").decode(),
            offsets={
                name[len(_OFFSET) :].decode(): int(value or 0)
                for name, value in fields.items()
                if name.startswith(_OFFSET)
            },
            age_seconds=0.0 if saved_ms is None else max(0.0, seconds + micros / 1e6 - int(saved_ms) / 1000),
            models=sum(1 for name in names if name.startswith(_MODEL)),
            memory_bytes=sum(memory),
            core=fields[b"core"] or b"",
        )

    async def models(self, partition: int, names: Iterable[str] | None, most: int) -> dict[str, bytes]:
        """See ``CheckpointStore.models``."""
        main = self._key(partition)
        if names is None:
            fields: list[bytes] = await self._guard(self._redis.hkeys(main))
            wanted = sorted(field for field in fields if field.startswith(_MODEL))[:most]
        else:
            wanted = [_MODEL + name.encode() for name in names]
        blobs = await self._guard(self._redis.hmget(main, wanted)) if wanted else []
        found = zip(wanted, blobs, strict=True)
        return {name[len(_MODEL) :].decode(): blob for name, blob in found if blob is not None}

    async def reset_fence(self, partitions: Iterable[int]) -> None:
        """See ``CheckpointStore.reset_fence``."""
        for partition in partitions:
            if await self._guard(self._redis.hexists(self._key(partition), "gen")):
                await self._guard(self._redis.hset(self._key(partition), "gen", 0))

    async def time_ms(self) -> int | None:
        """See ``CheckpointStore.time_ms``."""
        seconds, micros = await self._guard(self._redis.time())
        return int(seconds) * 1000 + int(micros) // 1000

    async def close(self) -> None:
        """See ``CheckpointStore.close``."""
        await close(self._redis)

    def _slot(self, partition: int, slot: int) -> bytes:
        return self._key(partition, f":pending:{slot}")

    def _slot_pattern(self, partition: int) -> bytes:
        escaped = self._group.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?").replace("[", "\\[")
        return f"driftbell:{{{escaped}:{partition}}}:pending:*".encode()

    async def _run(self, script: AsyncScript, keys: Sequence[bytes], args: Sequence[Any]) -> Any:
        return await self._guard(script(keys=keys, args=args))

    @staticmethod
    async def _guard(awaitable: Any) -> Any:
        try:
            return await awaitable
        except (TimeoutError, RedisError, OSError) as error:
            raise StoreUnavailableError(f"Redis: {type(error).__name__}: {error}") from error


def _script(redis: Redis | RedisCluster, name: str) -> AsyncScript:
    """A Lua script of this folder; redis-py sends it by its hash and, to a server that does not know it, by its text."""
    return redis.register_script(files("driftbell.streams.checkpoints").joinpath(name).read_bytes())


def _whole(digits: bytes) -> int:
    if not digits.isdigit():
        raise BadStateError(f"{digits[:40]!r} stands where a whole number is kept")
    return int(digits)


def _pairs(flat: Any) -> dict[bytes, bytes]:
    if isinstance(flat, Mapping):
        return dict(flat)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _packed(pairs: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    """As ``save.lua`` takes many pairs: lengths and contents of fields and values in turn."""
    parts = list(chain.from_iterable(pairs.items()))
    return np.fromiter(map(len, parts), "<u4", len(parts)).tobytes(), b"".join(parts)
