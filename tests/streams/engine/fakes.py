"""A Kafka and a clock for the engine that the test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from driftbell.streams.engine.broker import Source
from driftbell.streams.partition.input_logs.comparison import EpochEnd
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord, Record


class HeldClock:
    """Stands still until the test moves it; ``monotonic`` is the event loop's time, which passes only by waiting."""

    def __init__(self, wall_ms: int = 1_000_000_000_000) -> None:
        self.now_ms = wall_ms

    def wall_ms(self) -> int:
        """See ``Clock``."""
        return self.now_ms

    def monotonic(self) -> float:
        """See ``Clock``."""
        return asyncio.get_running_loop().time()


class MemoryBroker:
    """The engine's ``Broker`` on lists; records are pushed to the engine by the test."""

    def __init__(self) -> None:
        self.published: list[OutboxRecord] = []
        self.dead_letters: list[DeadLetterRecord] = []
        self.commits: dict[Source, int] = {}
        self.ends: dict[Source, int] = {}
        self.firsts: dict[Source, int] = {}
        self.group_offsets: dict[Source, int] = {}
        self.epochs: dict[Source, EpochEnd] = {}
        #: The epochs that were asked about, question by question.
        self.epochs_asked: list[Mapping[Source, int]] = []
        #: The end of an epoch, of any input; None: that of ``epochs``.
        self.answer: Callable[[int], EpochEnd] | None = None
        self.leaderless: set[Source] = set()
        self.ids: dict[Input, str] = {}
        self.rewound: list[Mapping[Source, int]] = []
        self.order: list[str] = []
        self.answers = True
        self.while_rewinding: Callable[[], None] = lambda: None

    async def publish(self, partition: int, records: Sequence[OutboxRecord]) -> None:
        """See ``Publisher``."""
        self.order.append("publish")
        self.published += records

    async def dead_letter(self, partition: int, letters: Sequence[DeadLetterRecord]) -> None:
        """See ``Publisher``."""
        self.order.append("dead_letter")
        self.dead_letters += letters

    async def end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker``."""
        if not self.answers:
            raise OSError("no broker answers")
        return {source: self.ends.get(source, 0) for source in sources}

    async def log_end_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker``."""
        return await self.end_offsets(sources)

    async def earliest_offsets(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker``."""
        return {source: self.firsts.get(source, 0) for source in sources}

    async def epoch_ends(self, epochs: Mapping[Source, int]) -> Mapping[Source, EpochEnd]:
        """See ``Broker``."""
        if not self.answers:
            raise OSError("no broker answers")
        if away := self.leaderless & epochs.keys():
            raise OSError(f"no leader of {away}")
        self.epochs_asked.append(dict(epochs))
        if self.answer is not None:
            return {source: self.answer(epoch) for source, epoch in epochs.items()}
        return {source: self.epochs[source] for source in epochs if source in self.epochs}

    async def topic_ids(self) -> Mapping[Input, str]:
        """See ``Broker``."""
        return dict(self.ids)

    async def committed(self, sources: Collection[Source]) -> Mapping[Source, int]:
        """See ``Broker``."""
        return {source: self.group_offsets[source] for source in sources if source in self.group_offsets}

    async def position(self, source: Source) -> int:
        """See ``Broker``."""
        return self.ends.get(source, 0)

    def in_flight(self, source: Source) -> bool:
        """See ``Broker``."""
        return False

    async def rewind(self, offsets: Mapping[Source, int]) -> None:
        """See ``Broker``."""
        self.rewound.append(dict(offsets))
        self.while_rewinding()

    def commit_offsets(self, partition: int, offsets: Mapping[Input, int]) -> None:
        """See ``Publisher``."""
        self.order.append("commit")
        self.commits |= {(stream, partition): offset for stream, offset in offsets.items()}


def prediction(number: int, time_ms: int, *, model: str = "fraud", value: float = 1.0) -> Record:
    """A good prediction record."""
    body = (
        f'{{"prediction_id":"{number}","model":"{model}","version":"1","timestamp":{time_ms},'
        f'"features":{{"amount":{value}}},"prediction":true}}'
    )
    return Record(number, time_ms, body.encode(), model.encode())


def label(number: int, time_ms: int, *, of: int, model: str = "fraud", value: bool = True) -> Record:
    """A label record for prediction ``of``."""
    body = f'{{"prediction_id":"{of}","model":"{model}","label":{str(value).lower()},"timestamp":{time_ms}}}'
    return Record(number, time_ms, body.encode(), model.encode())


PREDICTIONS: Source = (Input.PREDICTIONS, 0)
FEEDBACK: Source = (Input.FEEDBACK, 0)
