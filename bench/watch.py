"""Cost of one Watch after learning, beside River's ADWIN on ten features in the same run: ``python -m bench.watch``."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np
from river import drift

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import Prediction
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.watch import Watch
from driftbell.streams.subject import Subject

NUMERIC = 10
TEXTS = 2


def events(count: int, seed: int) -> list[Prediction]:
    """Events of a quiet model: numbers, texts, a class, a latency, one failure in a thousand."""
    rng = random.Random(seed)  # noqa: S311 - test data
    made = []
    for number in range(count):
        features: dict[str, float | int | str | bool | None] = {f"x{i}": rng.gauss(0, 1) for i in range(NUMERIC)}
        features |= {f"c{i}": rng.choice("abcdefgh") for i in range(TEXTS)}
        failed = rng.random() < 0.001
        made.append(
            Prediction(
                prediction_id=str(number),
                model="bench",
                version="1",
                timestamp=number,
                features=features,
                prediction=None if failed else rng.choice(("yes", "no")),
                latency_ms=rng.lognormvariate(3, 0.5),
                error="timeout" if failed else None,
            )
        )
    return made


def batches(made: list[Prediction], size: int) -> list[PredictionBatch]:
    """The events in batches of ``size``."""
    return [
        PredictionBatch(made[at : at + size], np.arange(at, at + size, dtype=np.int64), at + size)
        for at in range(0, len(made) - size + 1, size)
    ]


def timed(work: Callable[[], None], per: int) -> float:
    """Microseconds of CPU per event."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / per * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--batch", type=int, nargs="+", default=[1024, 128, 16])
    arguments = parser.parse_args()

    rows = [[float(v) for v in e.features.values() if isinstance(v, float)] for e in events(20_000, 1)]
    detectors = [drift.ADWIN() for _ in range(NUMERIC)]

    def adwin() -> None:
        for row in rows:
            for detector, value in zip(detectors, row, strict=True):
                detector.update(value)

    floor = timed(adwin, len(rows))
    print(f"River ADWIN on {NUMERIC} features        {floor:7.2f} us/event")
    made = events(arguments.events, 2)
    for size in arguments.batch:
        watch = Watch(Subject("bench", "1", "live"), Monitoring())
        learning = batches(events(6144, 3), 1024)
        for batch in learning:
            watch.on_predictions(batch)
        stream = batches(made, size)

        def run(watch: Watch = watch, stream: list[PredictionBatch] = stream) -> None:
            for batch in stream:
                watch.on_predictions(batch)
                watch.conditions(batch.now_ms)

        cost = timed(run, len(stream) * size)
        print(f"Watch, all monitors, batches of {size:5d} {cost:7.2f} us/event  {floor / cost:5.1f} x")


if __name__ == "__main__":
    main()
