"""The port to Kafka: what the engine needs of it. ``broker.KafkaBroker`` is the real one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from driftbell.streams.partition.input_logs.comparison import EpochEnd
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord

#: One input of one partition.
Source = tuple[Input, int]


class Publisher(Protocol):
    """Publishes records and returns when the brokers have them; raises when they will not."""

    async def publish(self, partition: int, records: Sequence[OutboxRecord]) -> None:
        """Publish the outbox of one partition in order."""

    async def dead_letter(self, partition: int, letters: Sequence[DeadLetterRecord]) -> None:
        """Publish dead letters."""

    def commit_offsets(self, partition: int, offsets: Mapping[Input, int]) -> None:
        """Show in Kafka, soon, that the inputs of a partition were read up to these offsets. The checkpoint is the truth."""


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

    async def epoch_ends(self, epochs: Mapping[Source, int]) -> Mapping[Source, EpochEnd]:
        """Where each input's log ends at its leader in this epoch, or in the last one before it that the leader knows.

        Empty where the brokers do not know the question. Raises OSError when they do not answer.
        """

    async def topic_ids(self) -> Mapping[Input, str]:
        """The ids of the inputs' topics, where the brokers say them. Raises OSError when they do not answer."""

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """The group's committed offsets, where there are any."""

    async def position(self, source: Source) -> int:
        """The offset of the next record to be fetched; past control records, which are never delivered."""

    def in_flight(self, source: Source) -> bool:
        """Whether records were fetched that have not been delivered."""

    async def rewind(self, offsets: Mapping[Source, int]) -> None:
        """Read on from these offsets; what was fetched before is not delivered any more."""
