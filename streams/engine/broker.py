"""The port to Kafka: what the engine needs of it. ``broker.KafkaBroker`` is the real one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from driftbell.streams.engine.runner import Publisher
from driftbell.streams.records import Input

#: One input of one partition.
Source = tuple[Input, int]


class Broker(Publisher, Protocol):
    """What the engine needs of Kafka."""

    async def end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """Where each input ends now, asked of the brokers; raises OSError when they do not answer."""

    async def log_end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """Where each input's log ends at its leader now, records included that nobody may read yet as they are not replicated.

        Every record that is appended later has a later append time. Raises OSError when the brokers do not answer.
        """

    async def earliest_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """Where each input begins."""

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """The group's committed offsets, where there are any."""

    async def position(self, source: Source) -> int:
        """The offset of the next record to be fetched; past control records, which are never delivered."""

    def in_flight(self, source: Source) -> bool:
        """Whether records were fetched that have not been delivered."""

    async def rewind(self, offsets: Mapping[Source, int]) -> None:
        """Read on from these offsets; what was fetched before is not delivered any more."""
