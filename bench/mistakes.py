"""``python -m bench.mistakes``: what a mistaken producer costs, as ratios to ordinary traffic, of the core alone.

Each stream has as many events (200,000 unless said otherwise), 1,000 a second of stream time, with ten numeric features. Half
of them are labelled two seconds later, and the partition is saved each second of stream time, as a worker does. The ordinary
stream runs before and after the others. The bound is three times the ordinary cost, or where events are large three times
what it takes to decode them.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from driftbell.runtime.config.model import Config
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Record

START_MS = 1_750_000_000_000
PER_SECOND = 1_000
#: Times the ordinary cost.
BOUND = 3.0

Event = dict[str, Any]
Mistake = Callable[[int, Event], None]


def _version(number: int, event: Event) -> None:
    event["version"] = f"{number:040x}"


def _variant(number: int, event: Event) -> None:
    event["variant"] = f"user-{number}"


def _feature_name(number: int, event: Event) -> None:
    event["features"][f"user-{number}"] = 1.0


def _tag_name(number: int, event: Event) -> None:
    event["tags"] = {f"user-{number}": "1"}


def _model(number: int, event: Event) -> None:
    event["model"] = f"model-{number % 100_000}"


def _many_features(number: int, event: Event) -> None:
    event["features"] = {f"feature-{at}": (number + at) % 97 / 7 for at in range(5_000)}


def _many_scores(number: int, event: Event) -> None:
    event["scores"] = {f"class-{at}": 0.001 for at in range(1_000)}


#: Name, what is wrong with the events, and the share of the events that is enough to measure it.
MISTAKES: dict[str, tuple[Mistake, float]] = {
    "a version for each event": (_version, 1.0),
    "a variant for each event": (_variant, 1.0),
    "a feature's name for each event": (_feature_name, 1.0),
    "a tag's name for each event": (_tag_name, 1.0),
    "100,000 models": (_model, 1.0),
    "5,000 features": (_many_features, 0.05),
    "scores of 1,000 classes": (_many_scores, 0.1),
}


def stream(events: int, mistake: Mistake | None) -> dict[Input, list[Record]]:
    """The records of both inputs, second by second."""
    rng = random.Random(7)  # noqa: S311 - test data
    predictions: list[Record] = []
    labels: list[Record] = []
    for number in range(events):
        at_ms = START_MS + number * 1000 // PER_SECOND
        event: Event = {
            "prediction_id": f"{number:012x}",
            "model": "fraud",
            "version": "7",
            "timestamp": at_ms,
            "features": {f"f{at}": round(rng.gauss(0, 1), 4) for at in range(10)},
            "prediction": number % 9 == 0,
            "latency_ms": 12.5,
        }
        if mistake is not None:
            mistake(number, event)
        predictions.append(Record(number, at_ms, json.dumps(event, separators=(",", ":")).encode(), b"fraud", ()))
        if number % 2 == 0:
            label = {"prediction_id": event["prediction_id"], "model": event["model"], "label": number % 9 == 0}
            labels.append(Record(len(labels), at_ms + 2_000, json.dumps(label).encode(), b"fraud", ()))
    return {Input.PREDICTIONS: predictions, Input.FEEDBACK: labels}


def run(inputs: dict[Input, list[Record]]) -> tuple[float, Partition, int]:
    """CPU seconds of one pass, the partition at its end, and how many metrics and alerts it published."""
    partition, pending, published = Partition(0, Config()), MemoryPending(), 0
    at = dict.fromkeys(Input, 0)
    end_ms = inputs[Input.FEEDBACK][-1].timestamp + 1000
    gc.collect()
    started = time.process_time()
    for until_ms in range(START_MS + 1000, end_ms + 1000, 1000):
        for source, records in inputs.items():
            first = last = at[source]
            while last < len(records) and records[last].timestamp < until_ms:
                last += 1
            partition.push(source, records[first:last])
            at[source] = last
            partition.advance_watermark(source, until_ms)
        while (step := partition.next_step()) is not None:
            keys = partition.lookups(step)
            for _ in partition.run(step, pending.lookup(partition.live_slots, keys) if keys else None):
                pass
        if partition.at_safe_point and partition.changed:
            checkpoint = partition.checkpoint()
            pending.apply(checkpoint.join)
            partition.saved(checkpoint)
            published += len(checkpoint.outbox)
            partition.published(checkpoint)
    return time.process_time() - started, partition, published


def decode_only(inputs: dict[Input, list[Record]]) -> float:
    """CPU seconds to decode the predictions and nothing else."""
    values = [record.value for record in inputs[Input.PREDICTIONS]]
    started = time.process_time()
    for first in range(0, len(values), 1000):
        Input.PREDICTIONS.spec.decode(values[first : first + 1000], None, max_bytes=1_048_576)
    return time.process_time() - started


def memory_of(inputs: dict[Input, list[Record]]) -> float:
    """MB that a partition holds at the end, but for what a store would hold."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _, partition, _ = run(inputs)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del partition
    return held / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, measure and print; 1 where a mistake is beyond its bound."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.mistakes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=200_000, help="events of each stream (default 200,000)")
    parser.add_argument("--passes", type=int, default=1, help="passes of each, of which the best counts (default 1)")
    parser.add_argument("--memory", action="store_true", help="measure memory, too (five times as long)")
    parser.add_argument("--only", default="", help="rows with this in their name")
    options = parser.parse_args(arguments)
    ordinary = stream(options.events, None)
    run(stream(20_000, None))
    normal = min(run(ordinary)[0] for _ in range(options.passes)) / options.events
    rows, worst = [], 0.0
    for name, (mistake, share) in MISTAKES.items():
        if options.only not in name:
            continue
        inputs = stream(round(options.events * share), mistake)
        events = len(inputs[Input.PREDICTIONS])
        passes = [run(inputs) for _ in range(options.passes)]
        cost = min(seconds for seconds, _, _ in passes) / events
        published = passes[0][2]
        floor = decode_only(inputs) / events
        bound = max(BOUND * normal, BOUND * floor)
        del passes
        held = f"{memory_of(inputs):8.1f} MB" if options.memory else ""
        rows.append(
            f"{name:34}{cost * 1e6:9.1f} us{cost / normal:8.2f} x   decode {floor * 1e6:8.1f} us   "
            f"{published / events:8.4f} records an event {held}{'' if cost <= bound else '  BEYOND ITS BOUND'}"
        )
        print(rows[-1], flush=True)
        worst = max(worst, cost / bound)
    again = min(run(ordinary)[0] for _ in range(options.passes)) / options.events
    print(f"{'ordinary, before and after':34}{normal * 1e6:9.1f} us {again * 1e6:9.1f} us")
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
