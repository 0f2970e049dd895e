"""Owns a partition as the runner does, without an event loop: pushes, proves, steps, saves, publishes, crashes, restarts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.runtime.config.model import Config
from driftbell.streams.checkpoints.checkpoint import Checkpoint, Stored
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import DeadLetterRecord, Input, OutboxRecord, Output, Record


@dataclass
class Saved:
    """What a store holds of one partition."""

    offsets: dict[str, int] = field(default_factory=dict)
    core: bytes | None = None
    models: dict[str, bytes] = field(default_factory=dict)
    waiting: dict[bytes, bytes] = field(default_factory=dict)
    outbox: tuple[OutboxRecord, ...] = ()
    pending: MemoryPending = field(default_factory=MemoryPending)

    def apply(self, checkpoint: Checkpoint) -> None:
        """Write one checkpoint, as ``save.lua`` does."""
        self.offsets |= checkpoint.offsets
        self.core = checkpoint.core
        for name, blob in checkpoint.models.items():
            if blob is None:
                self.models.pop(name, None)
            else:
                self.models[name] = blob
        self.waiting |= checkpoint.join.wait
        for key in checkpoint.join.unwait:
            self.waiting.pop(key, None)
        self.pending.apply(checkpoint.join)
        self.outbox = tuple(checkpoint.outbox)

    def stored(self) -> Stored | None:
        """What a claim returns."""
        if self.core is None:
            return None
        return Stored(
            dict(self.offsets),
            self.core,
            models=dict(self.models),
            waiting=dict(self.waiting),
            outbox=self.outbox,
        )


class Owner:
    """One partition with its inputs (whole topics), its store, and what has been published."""

    def __init__(self, config: Config, inputs: Mapping[Input, Sequence[Record]]) -> None:
        self.config = config
        #: All of them: one that was not given is empty.
        self.inputs: Mapping[Input, Sequence[Record]] = {source: inputs.get(source, ()) for source in Input}
        self.saved = Saved()
        self.published: list[OutboxRecord] = []
        self.letters: list[DeadLetterRecord] = []
        self.partition = Partition(0, config)
        #: What was saved at each place (offsets and stream time) of the inputs.
        self.checkpoints: dict[tuple[int, ...], tuple[bytes, dict[str, bytes], dict[bytes, bytes]]] = {}

    def fetch(self, source: Input, count: int) -> int:
        """Fetch the next ``count`` records of one input; returns how many there were."""
        start = self.partition.fetched(source)
        records = self.inputs[source][start : start + count]
        self.partition.push(source, records)
        return len(records)

    def advance_watermark(self, source: Input) -> None:
        """Let the broker say how far an input is complete: up to the time of what has not been fetched."""
        rest = self.inputs[source][self.partition.fetched(source) :]
        # A record appended later has a later time, up to the milliseconds by which producers disagree.
        times = [record.timestamp for record in rest]
        if times:
            self.partition.advance_watermark(source, min(times))

    def end(self, end_ms: int) -> None:
        """Fetch all that is left and prove that nothing comes before ``end_ms``."""
        for source in Input:
            self.fetch(source, len(self.inputs[source]))
            self.partition.advance_watermark(source, end_ms)

    def step(self) -> bool:
        """Do one step; False when none is certain."""
        step = self.partition.next_step()
        if step is None:
            return False
        keys = self.partition.lookups(step)
        for _ in self.partition.run(step, self.saved.pending.lookup(self.partition.live_slots, keys) if keys else None):
            pass
        return True

    def run(self, most: float = math.inf, *, save: bool = False) -> None:
        """Do up to ``most`` steps, and ``save`` wherever it can be done."""
        while most > 0 and self.step():
            most -= 1
            if save:
                self.save()

    def save(self, *, publish: bool = True) -> bool:
        """Save and publish, if the partition stands at a safe point; ``publish=False`` crashes between the two."""
        if not (self.partition.at_safe_point and self.partition.changed):
            return False
        checkpoint = self.partition.checkpoint()
        self.letters += checkpoint.dead_letters
        self.saved.apply(checkpoint)
        place = (checkpoint.stream_ms, *(checkpoint.offsets.get(source, 0) for source in Input))
        self.checkpoints[place] = checkpoint.core, dict(self.saved.models), dict(self.saved.waiting)
        if publish:
            self.partition.saved(checkpoint)
            self.published += checkpoint.outbox
            self.partition.published(checkpoint)
        return True

    def restart(self) -> None:
        """Lose the process; claim what the store has, which publishes what the outbox still holds with the next save."""
        self.partition = Partition(0, self.config, self.saved.stored())

    def finish(self, end_ms: int) -> None:
        """All is read, all is saved and published."""
        self.end(end_ms)
        self.run(save=True)
        while self.save():
            pass

    def once(self, output: Output) -> list[OutboxRecord]:
        """What a reader sees of one output that drops what it has seen."""
        return list(dict.fromkeys(record for record in self.published if record.output is output))

    def active(self) -> dict[bytes, bytes]:
        """What the compacted topic of active alerts comes to."""
        last = {record.key: record.value for record in self.published if record.output is Output.ALERTS_ACTIVE}
        return {key: value for key, value in last.items() if value is not None}
