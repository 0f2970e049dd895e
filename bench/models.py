"""``python -m bench.models``: what many slow models cost: time of an event, memory of a model, an idle partition.

So many models in one partition, first taught, then each with so many events a second of stream time, through the worker's
own core without Kafka and Redis. ``us/event`` is decoding, join, monitors and metrics; ``us to save`` is what encoding the
checkpoints took, for the same events: one each second of stream, and less often where encoding takes more than its share of
the time, as a worker does it. ``kB/model`` is the memory of a model at work; ``quiet`` of one in a process that claims all
of them after a restart, when they have been silent for ten minutes and are packed. ``idle`` is the share of one core that a
partition takes to which nothing comes, with stream time moving on as a worker moves it.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.quiet_models import bytes_when_quiet
from bench.readings import memory_bytes
from bench.traffic import Events, Shape
from driftbell.runtime.config.model import Config, Join, Monitoring, Reference, Worker
from driftbell.streams.engine.timing.pace import Pace
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Record

START_MS = 1_790_000_000_000
#: How often a worker asks an idle partition for its next step, and gets a watermark from the brokers.
IDLE_ASKS_A_SECOND = 20


@dataclass(slots=True)
class Cost:
    """Seconds of CPU."""

    core: float = 0.0
    save: float = 0.0
    saves: int = 0


class StreamClock:
    """Stream time, which a worker's clock follows."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def monotonic(self) -> float:
        """In seconds."""
        return self._partition.stream_ms / 1000

    def wall_ms(self) -> int:
        """In milliseconds."""
        return self._partition.stream_ms


class Feed:
    """A partition with events of all models in turns."""

    def __init__(self, events: Events, config: Config) -> None:
        self.partition = Partition(0, config)
        self.cost = Cost()
        self._events = events
        self._offset = 0
        self._stream = StreamClock(self.partition)
        self._pace = Pace(self._stream)

    def second(self, at_ms: int, per_model: int) -> None:
        """One second of stream, in which each model has ``per_model`` events, one after the other."""
        names = self._events.names
        total = per_model * len(names)
        records = []
        for number in range(total):
            time_ms = at_ms + number * 1000 // total
            value = self._events.prediction(self._offset, names[number % len(names)], time_ms)
            records.append(Record(self._offset, time_ms, value))
            self._offset += 1
        self.push(records, at_ms + 1000)

    def teach(self, at_ms: int, per_model: int) -> None:
        """The events from which every model learns, one model after the other."""
        for name in self._events.names:
            values = [self._events.prediction(self._offset + n, name, at_ms) for n in range(per_model)]
            records = [Record(self._offset + n, at_ms, value) for n, value in enumerate(values)]
            self._offset += per_model
            self.push(records, at_ms)
        self.push([], at_ms + 1000)

    def push(self, records: Sequence[Record], until_ms: int) -> None:
        """Process what came, and that nothing else comes before ``until_ms``."""
        started, saving = time.process_time(), self.cost.save
        self.partition.push(Input.PREDICTIONS, records)
        for stream in Input:
            self.partition.advance_watermark(stream, until_ms)
        while (step := self.partition.next_step()) is not None:
            keys = self.partition.lookups(step)
            for _ in self.partition.run(step, {} if keys else None):
                pass
            self._save()
        self.cost.core += time.process_time() - started - (self.cost.save - saving)

    def _save(self) -> None:
        partition, pace = self.partition, self._pace
        if not (partition.at_safe_point and partition.changed):
            return
        if pace.due_in(0, partition.config.worker.checkpoint_interval, alerts=partition.has_alerts) > 0:
            return
        started = time.process_time()
        checkpoint = partition.checkpoint()
        self.cost.saves += 1
        # What the store holds is not the worker's memory.
        partition.saved(checkpoint)
        partition.published(checkpoint)
        cost = time.process_time() - started
        self.cost.save += cost
        pace.took(0, cost)


def measure(options: argparse.Namespace, models: int, rate: int) -> None:
    """Print one row."""
    monitoring = Monitoring(reference=Reference(events=options.reference, labels=options.reference))
    worker = Worker(max_models_per_partition=max(models, 10_000))
    events = Events(Shape(models=models, features=options.features, labels=0.0), pool=200)
    # What is imported and allocated once is no model's.
    warm = Feed(Events(Shape(models=2, features=options.features, labels=0.0), pool=5), Config(monitoring=monitoring))
    warm.teach(START_MS, options.reference + 8)
    warm.second(START_MS + 2000, rate)
    gc.collect()
    before = memory_bytes()
    # Pending predictions are bounded by partition, not by model.
    join = Join(cache_predictions=1)
    feed = Feed(events, Config(monitoring=monitoring, worker=worker, join=join))
    at_ms = START_MS
    feed.teach(at_ms, options.reference + 8)
    at_ms += 2000
    seconds = max(1, min(options.seconds, options.events // (models * rate)))
    feed.second(at_ms, rate)
    at_ms += 1000
    feed.cost = Cost()
    for _ in range(seconds):
        feed.second(at_ms, rate)
        at_ms += 1000
    count = seconds * rate * models
    core, save = feed.cost.core / count * 1e6, feed.cost.save / count * 1e6
    gc.collect()
    size = (memory_bytes() - before) / models
    # All that is due in the minutes after the last event has been done.
    feed.push([], at_ms + 600_000)
    at_ms += 600_000
    started = time.process_time()
    for _ in range(options.idle * IDLE_ASKS_A_SECOND):
        at_ms += 1000 // IDLE_ASKS_A_SECOND
        feed.push([], at_ms)
    idle = (time.process_time() - started) / options.idle
    for model in feed.partition.models.values():
        model.dirty = True
    quiet = bytes_when_quiet(feed.partition.config, feed.partition.checkpoint())
    print(
        f"{models:>7,} {rate:>9} {count:>9,} {core:>9.1f} {save:>11.1f} {feed.cost.saves:>6} "
        f"{size / 1000:>9.1f} {quiet / 1000:>6.1f} {idle:>7.2%}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, nargs="+", default=[1, 100, 1000, 10_000], help="how many models")
    parser.add_argument("--rates", type=int, nargs="+", default=[1, 100], help="events a second of each model")
    parser.add_argument("--features", type=int, default=12, help="features of each (default 12)")
    parser.add_argument("--reference", type=int, default=100, help="events from which each learns (default 100)")
    parser.add_argument("--seconds", type=int, default=300, help="most seconds of stream (default 300)")
    parser.add_argument(
        "--events", type=int, default=100_000, help="most events, where a second has fewer (default 100,000)"
    )
    parser.add_argument("--idle", type=int, default=10, help="seconds of idling (default 10)")
    options = parser.parse_args(arguments)
    heads = (
        ("models", 7),
        ("each/s", 9),
        ("events", 9),
        ("us/event", 9),
        ("us to save", 11),
        ("saves", 6),
        ("kB/model", 9),
        ("quiet", 6),
    )
    print(" ".join(f"{head:>{width}}" for head, width in heads), f"{'idle':>7}")
    for rate in options.rates:
        for models in options.models:
            measure(options, models, rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
