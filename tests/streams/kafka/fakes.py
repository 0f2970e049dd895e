"""Faust's consumer thread and our engine, in the test's hands; the Faust app and its consumer around them are real."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from faust.types import TP

from driftbell.runtime.config.model import Config, Redis
from driftbell.streams.app import create_app
from driftbell.streams.engine.broker import Source
from driftbell.streams.kafka.transport import Chunk, ChunkConsumer, DriftbellApp
from driftbell.streams.records import Input

P0, P1 = TP("predictions", 0), TP("predictions", 1)
F0, F1 = TP("feedback", 0), TP("feedback", 1)


class FetchedRecord:
    """As aiokafka's ``ConsumerRecord``, as far as anybody looks."""

    timestamp = 1_700_000_000_000
    timestamp_type = 0

    def __init__(self, tp: TP, offset: int) -> None:
        self.topic, self.partition = tp
        self.offset = offset


def records(tp: TP, *offsets: int) -> list[FetchedRecord]:
    return [FetchedRecord(tp, offset) for offset in offsets]


class StubThread:
    """Answers what the test has prepared and notes what was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.assigned: set[TP] = {P0, F0}
        self.fetches: deque[dict[TP, list[FetchedRecord]]] = deque()
        self.asked_for: list[set[TP]] = []
        self.timeouts: list[float] = []
        self.seeks: list[Mapping[TP, int]] = []
        self.committed: Mapping[TP, int | None] = {}
        self.shown: list[Mapping[TP, int]] = []
        self.refusals: deque[BaseException] = deque()
        self.coordinator_errors: deque[BaseException | None] = deque()
        self.checked = asyncio.Event()
        self.positions: dict[TP, int] = {}
        self.ends: dict[TP, int] = {}
        #: A fetch or seek that has begun waits for this.
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.busy = 0

    def assignment(self) -> set[TP]:
        return self.assigned

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        self.calls.append("fetch")
        self.asked_for.append(active_partitions or set())
        self.timeouts.append(timeout)
        await self._alone()
        return self.fetches.popleft() if self.fetches else {}

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        self.calls.append("seek to committed")
        await self._alone()
        return dict(self.committed)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.calls.append("seek")
        await self._alone()
        self.seeks.append(dict(partitions))

    async def position(self, tp: TP) -> int | None:
        return self.positions.get(tp)

    def read_to(self, tp: TP) -> int:
        return self.positions.get(tp, 0)

    def highwater(self, tp: TP) -> int | None:
        return self.ends.get(tp)

    async def call_thread(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await call(*args)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        if self.refusals:
            raise self.refusals.popleft()
        self.shown.append(dict(offsets))

    async def check_coordinator(self) -> None:
        error = self.coordinator_errors.popleft() if self.coordinator_errors else None
        if not self.coordinator_errors:
            self.checked.set()
        if error is not None:
            raise error

    async def _alone(self) -> None:
        assert self.busy == 0, "a fetch and a seek overlap"
        self.busy += 1
        try:
            await asyncio.sleep(0)
            await self.may_go_on.wait()
        finally:
            self.busy -= 1


class StubEngine:
    """Holds the positions that the test gives it, and what was delivered."""

    def __init__(self) -> None:
        self.held: dict[Source, int] = {}
        self.delivered: list[tuple[Source, list[int]]] = []
        self.full_sources: set[Source] = set()
        self.gone: set[tuple[Source, int]] = set()
        self.on_revoked: Callable[[], None] = lambda: None

    def full(self, source: Source) -> bool:
        return source in self.full_sources

    def goes_back(self, source: Source, offset: int) -> bool:
        return (source, offset) in self.gone

    @property
    def logs(self) -> StubEngine:
        return self

    def positions(self) -> dict[Source, int]:
        return dict(self.held)

    def deliver(self, source: Source, chunk: Sequence[Any], appended_ms: int | None = None, epochs: Any = ()) -> None:
        self.delivered.append((source, [record.offset for record in chunk]))

    async def revoked(self) -> None:
        self.on_revoked()

    def offsets(self, stream: Input = Input.PREDICTIONS, partition: int = 0) -> list[int]:
        """The offsets delivered of one input."""
        return [offset for source, offsets in self.delivered if source == (stream, partition) for offset in offsets]


class Rig:
    """A real app with its real consumer, on a stub of the thread and of the engine. Make it inside the event loop."""

    def __init__(self) -> None:
        self.app: DriftbellApp = create_app(Config(redis=Redis(url="memory://")))
        self.engine = StubEngine()
        self.app.engine = cast(Any, self.engine)
        self.consumer = cast(ChunkConsumer, self.app.consumer)
        self.thread = StubThread()
        self.consumer._thread = cast(Any, self.thread)

    async def fetch(self, found: dict[TP, list[FetchedRecord]]) -> dict[TP, list[Chunk]]:
        """One poll that returns this."""
        self.thread.fetches.append(found)
        chunks: dict[TP, list[Chunk]] = await self.consumer._getmany(active_partitions={P0, F0, P1, F1}, timeout=1.0)
        return chunks

    async def fetch_and_deliver(self, tp: TP, *offsets: int) -> None:
        """Fetch records and let the agent pass them on."""
        for chunk in (await self.fetch({tp: records(tp, *offsets)}))[tp]:
            self.consumer.deliver(tp, chunk)
