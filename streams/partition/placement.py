"""Where a record belongs: its key is its model's name, and murmur2 of the key is its partition (docs/publishing.md)."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable
from typing import Final

#: Names whose partition is remembered.
_MOST_REMEMBERED: Final = 10_000

_SEED, _FACTOR, _WORD = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


class Misplaced(enum.StrEnum):
    """Why a record lies in the wrong partition. The value is the metric label and the reason of the alert."""

    #: Without a key the producer spreads the events of a model over all partitions.
    NO_KEY = "no_key"
    #: The key is something else than the model's name (or, of a sharded model, than ``name#number``).
    KEY_IS_NOT_THE_MODEL = "key_is_not_the_model"
    #: The key is right, but another function than murmur2 has made a partition of it.
    OTHER_PARTITIONER = "other_partitioner"


def murmur2(data: bytes) -> int:
    """MurmurHash2 of 32 bits with Kafka's seed, as Java's ``Utils.murmur2``."""
    hashed = _SEED ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _FACTOR & _WORD
        word = (word ^ word >> 24) * _FACTOR & _WORD
        hashed = (hashed * _FACTOR & _WORD) ^ word
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _FACTOR & _WORD
    hashed = (hashed ^ hashed >> 13) * _FACTOR & _WORD
    return hashed ^ hashed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition in which murmur2 puts a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def partitioner_of(key: bytes, partition: int, partitions: int) -> str:
    """Which other partitioner would have put ``key`` there, for people."""
    if zlib.crc32(key) % partitions == partition:
        return "CRC32, librdkafka's default"
    return "another one than murmur2"


class Placement:
    """The rule for one partition.

    Args:
        partitions: how many there are; None: not known, so nothing is judged (in a replay, whose files have no partitions).
        shards: over how many keys the events of a model are spread on purpose, by its name.
    """

    def __init__(self, index: int, partitions: int | None, shards: Callable[[str], int]) -> None:
        self.index = index
        self.partitions = partitions or 0
        self._shards = shards
        self._homes: dict[str, int | None] = {}

    @property
    def matters(self) -> bool:
        """Whether a record can lie in a wrong partition at all."""
        return self.partitions > 1

    def home_of(self, model: str) -> int | None:
        """The partition of a model; None where it has several, or where that is not known."""
        if not self.matters:
            return None
        try:
            return self._homes[model]
        except KeyError:
            if len(self._homes) >= _MOST_REMEMBERED:
                self._homes.clear()
            home = partition_of(model.encode(), self.partitions) if self._shards(model) <= 1 else None
            self._homes[model] = home
            return home

    def elsewhere(self, model: str) -> bool:
        """Whether the events of a model belong into another partition than this one."""
        return self.home_of(model) not in (None, self.index)

    def judge(self, key: bytes | None, model: str) -> Misplaced | None:
        """Whether a record of ``model`` with this key may lie here; None: it may."""
        if not self.matters:
            return None
        if not key:
            return Misplaced.NO_KEY
        shards = self._shards(model)
        name = model.encode()
        if shards > 1:
            stem, _, number = key.rpartition(b"#")
            if stem != name or not number.isdigit() or int(number) >= shards:
                return Misplaced.KEY_IS_NOT_THE_MODEL
        elif key != name:
            return Misplaced.KEY_IS_NOT_THE_MODEL
        home = partition_of(key, self.partitions) if shards > 1 else self.home_of(model)
        return None if home == self.index else Misplaced.OTHER_PARTITIONER
