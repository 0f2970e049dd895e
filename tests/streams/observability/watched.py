"""An engine with a Kafka in memory, and what it exports to Prometheus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from driftbell.runtime.config.model import Config, Worker
from driftbell.streams.checkpoints.checkpoint import Checkpoint, SaveOutcome
from driftbell.streams.checkpoints.memory import MemoryCheckpointStore
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.engine import Engine
from driftbell.streams.observability.metrics import EngineCollector
from driftbell.streams.records import Input, Record
from tests.services.waiting import eventually
from tests.streams.engine.fakes import HeldClock, MemoryBroker

START_MS = 1_000_000_000_000


class SlowStore(MemoryCheckpointStore):
    """A memory store whose saves wait while ``open`` is not set."""

    def __init__(self, clock: HeldClock) -> None:
        super().__init__(clock.monotonic)
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = asyncio.Event()

    async def save(self, partition: int, generation: int, sequence: int, checkpoint: Checkpoint) -> SaveOutcome:
        """Save, when it is allowed."""
        self.waiting.set()
        await self.open.wait()
        return await super().save(partition, generation, sequence, checkpoint)


@dataclass
class Watched:
    """An engine, and what it exports."""

    config: Config = field(default_factory=lambda: Config(worker=Worker(checkpoint_interval=0.01)))
    clock: HeldClock = field(default_factory=lambda: HeldClock(START_MS))
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    failures: list[BaseException] = field(default_factory=list)
    coordinator_errors: int = 0

    def __post_init__(self) -> None:
        self.store = SlowStore(self.clock)
        self.engine = Engine(
            self.config, self.store, self.broker, owner="test", clock=self.clock, on_failure=self.failures.append
        )
        self.registry = CollectorRegistry()
        collector = EngineCollector(self.engine, lag=self.lag, coordinator_errors=lambda: self.coordinator_errors)
        self.registry.register(collector)

    def lag(self, source: Source, done: int) -> int | None:
        """Records behind ``done``."""
        end = self.broker.ends.get(source)
        return None if end is None else max(0, end - done)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample of ``driftbell_<name>``."""
        return self.registry.get_sample_value(f"driftbell_{name}", labels)

    def series(self) -> dict[str, float]:
        """Every sample, by name and labels."""
        return {f"{s.name}{s.labels}": s.value for metric in self.registry.collect() for s in metric.samples}

    def deliver(self, *records: Record, stream: Input = Input.PREDICTIONS) -> None:
        """Records arrive on partition 0."""
        self.broker.ends[stream, 0] = records[-1].offset + 1
        self.engine.deliver((stream, 0), records)

    async def committed(self, offset: int, stream: Input = Input.PREDICTIONS) -> None:
        """Let time pass until Kafka shows ``offset``."""
        self.clock.now_ms += 20_000
        await eventually(lambda: self.broker.commits.get((stream, 0), 0) >= offset, f"a commit at {offset}")
