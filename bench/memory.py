"""``python -m bench.memory``: bytes per model and feature in a worker's memory and in its checkpoint, learning included.

One partition core (merge, join, all default monitors, windows, alert life cycle) is fed with the events of 1,000 models of 20
features, in turns, as a worker would feed it, checkpoints included. The table tells at each stage the resident memory of the
process above what it had with nothing but its imports, that divided by models and features, and the size of all models'
blobs in the checkpoint. The most memory (peak) is at the end of learning, when every reference holds all of its events.

Pending predictions in memory are measured apart: they are bounded by ``join.cache_predictions`` per partition, not by models.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.readings import MB, memory_bytes
from bench.traffic import Events, Shape
from driftbell.runtime.config.model import Config, Join
from driftbell.schemas import Prediction
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.join import LabelJoin
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Record

#: The issue's bound for 1,000 models of 20 features in a worker.
BOUND_BYTES = 1_000_000_000

#: Stream seconds between two checkpoints.
CHECKPOINT_EVERY = 20
START_MS = 1_750_000_000_000


@dataclass(slots=True)
class Blobs:
    """The models' blobs as a store would hold them, by size, and what encoding them took at the last checkpoint."""

    sizes: dict[str, int]
    encoding_seconds: float = 0.0


class Feed:
    """A partition, its store and the stream that feeds it."""

    def __init__(self, events: Events, config: Config) -> None:
        self.partition = Partition(0, config)
        self.pending = MemoryPending()
        self.blobs = Blobs({})
        self._events = events
        self._second = self._number = 0
        self._offsets = dict.fromkeys(Input, 0)
        self._labels: list[tuple[int, str]] = []

    def second(self, per_model: int) -> None:
        """One second of stream: predictions of every model, and the labels of the second before."""
        now_ms = START_MS + self._second * 1000
        labels, self._labels = self._labels, []
        predictions = []
        for _ in range(per_model):
            for model in self._events.names:
                predictions.append(self._events.prediction(self._number, model, now_ms))
                if self._events.labelled():
                    self._labels.append((self._number, model))
                self._number += 1
        self._push(Input.PREDICTIONS, predictions, now_ms)
        self._push(
            Input.FEEDBACK, [self._events.label(number, model, now_ms) for number, model in labels], now_ms + 500
        )
        self._second += 1
        for stream in Input:
            self.partition.advance_watermark(stream, now_ms + 1000)
        self._drain()
        if self._second % CHECKPOINT_EVERY == 0:
            self.checkpoint()

    def _push(self, source: Input, values: Sequence[bytes], time_ms: int) -> None:
        start = self._offsets[source]
        self.partition.push(source, [Record(start + at, time_ms, value) for at, value in enumerate(values)])
        self._offsets[source] += len(values)

    def _drain(self) -> None:
        partition = self.partition
        while (step := partition.next_step()) is not None:
            keys = partition.lookups(step)
            for _ in partition.run(step, self.pending.lookup(partition.live_slots, keys) if keys else None):
                pass

    def checkpoint_all(self) -> None:
        """Encode every model, as when all of them had events."""
        for model in self.partition.models.values():
            model.dirty = True
        self.checkpoint()

    def checkpoint(self) -> None:
        """Encode what changed; the blobs' sizes are kept, the blobs are not."""
        started = time.process_time()
        taken = self.partition.checkpoint()
        self.blobs.encoding_seconds = time.process_time() - started
        self.blobs.sizes |= {name: len(blob) for name, blob in taken.models.items() if blob is not None}
        self.pending.apply(taken.join)
        # What the store holds is not the worker's memory.
        self.pending.slots.clear()
        self.partition.saved(taken)
        self.partition.published(taken)


def stages(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Names of the stages, with the seconds of stream that lead to each."""
    learn = -(-5000 // options.per_second)
    done = 0
    for share in (0.25, 0.5, 0.75, 0.99):
        until = int(learn * share)
        yield f"learning, {share:.0%}", until - done
        done = until
    yield "learned", learn - done + 2
    yield f"+{options.after} s of stream", options.after


def models(options: argparse.Namespace) -> int:
    """Measure the models; returns the peak above the imports."""
    shape = Shape(models=options.models, features=options.features)
    events = Events(shape)
    # Just those whose labels are to come: pending predictions are measured apart.
    feed = Feed(events, Config(join=Join(cache_predictions=3 * options.per_second * options.models)))
    gc.collect()
    base = memory_bytes()
    print(f"{options.models:,} models x {options.features} features; imports and test data take {base / MB:.0f} MB")
    print(
        f"{'':24} {'MB':>8} {'peak MB':>8} {'B/model':>10} {'B/feature':>10} {'saved B/model':>14} {'us to encode':>13}"
    )
    for name, seconds in stages(options):
        for _ in range(seconds):
            feed.second(options.per_second)
        feed.checkpoint_all()
        size, peak = memory_bytes() - base, memory_bytes(field="VmHWM") - base
        saved = sum(feed.blobs.sizes.values()) / options.models
        print(
            f"{name:24} {size / MB:>8.1f} {peak / MB:>8.1f} {size / options.models:>10,.0f} "
            f"{size / options.models / options.features:>10,.0f} {saved:>14,.0f} "
            f"{feed.blobs.encoding_seconds / options.models * 1e6:>13,.0f}",
            flush=True,
        )
    return memory_bytes(field="VmHWM") - base


def pending(entries: int) -> float:
    """Bytes of one pending prediction in a worker's memory."""
    join = LabelJoin(Join(cache_predictions=entries))
    gc.collect()
    before = memory_bytes()
    for start in range(0, entries, 1000):
        made = [
            Prediction(prediction_id=f"{number:032x}", model="m", version="1", timestamp=0, prediction=True, scores=0.5)
            for number in range(start, start + 1000)
        ]
        join.predictions(made, [START_MS] * len(made), START_MS)
        join.saved(join.delta())
    return (memory_bytes() - before) / entries


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1000, help="models (default 1,000)")
    parser.add_argument("--features", type=int, default=20, help="features of each (default 20)")
    parser.add_argument(
        "--per-second", type=int, default=5, help="predictions of a model per second of stream (default 5)"
    )
    parser.add_argument("--after", type=int, default=240, help="seconds of stream after learning (default 240)")
    parser.add_argument("--pending", type=int, default=50_000, help="pending predictions to measure (default 50,000)")
    options = parser.parse_args(arguments)
    per_pending = pending(options.pending)
    peak = models(options)
    cache = Join().cache_predictions
    print(
        f"a pending prediction in memory takes {per_pending:.0f} B: {per_pending * cache / MB:.0f} MB per partition when full"
    )
    total = peak + per_pending * cache
    print(f"models at their worst and one partition's cache: {total / MB:.0f} MB, bound {BOUND_BYTES / MB:.0f} MB")
    return 0 if total < BOUND_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
