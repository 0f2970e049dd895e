"""Cost of writing one subject's state into a checkpoint: ``python -m bench.state_encoding``."""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

from bench.watch import batches, events
from driftbell.runtime.config.model import Monitoring
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind
from driftbell.streams.encoding import Format
from driftbell.streams.monitors.watch import Watch
from driftbell.streams.subject import Subject
from driftbell.streams.windows import MetricWindows

_SUBJECT = Subject("bench", "1", "live")


def subject(count: int) -> tuple[Watch, MetricWindows]:
    """What is kept of a model after ``count`` predictions and as many labels."""
    watch, windows = Watch(_SUBJECT, Monitoring()), MetricWindows(_SUBJECT, Monitoring())
    rng = random.Random(1)  # noqa: S311 - test data
    for batch in batches(events(count, 2), 256):
        watch.on_predictions(batch)
        windows.on_predictions(batch)
        made = [
            JoinedEvent(
                kind=JoinKind.JOINED,
                prediction="yes",
                scores=None,
                label="no" if rng.random() < 0.1 else "yes",
                weight=1.0,
                predicted_ms=batch.now_ms,
                labelled_ms=batch.now_ms,
                tags={},
            )
            for _ in batch.events
        ]
        watch.on_labels(JoinedBatch(made, batch.now_ms))
        windows.on_labels(JoinedBatch(made, batch.now_ms))
    return watch, windows


def best_of(work: Any, times: int, repeats: int = 9) -> float:
    """Microseconds of CPU per call, the best of ``repeats`` rounds."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - start) / times * 1e6)
    return min(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    arguments = parser.parse_args()
    model = Format("model", 1, compress_above=16_384)
    for name, count in (("while learning", 2048), ("after learning", 8192)):
        watch, windows = subject(count)

        def write(watch: Watch = watch, windows: MetricWindows = windows) -> bytes:
            return model.encode({"watch": watch.state(), "windows": windows.state()})

        blob = write()

        def read(blob: bytes = blob) -> None:
            state = model.decode(blob)
            Watch(_SUBJECT, Monitoring()).restore(state["watch"])
            MetricWindows(_SUBJECT, Monitoring()).restore(state["windows"])

        wrote, restored = best_of(write, arguments.times), best_of(read, arguments.times // 10)
        print(f"{name}: {wrote:7.1f} us to write, {restored:7.1f} us to restore, {len(blob):,} bytes")


if __name__ == "__main__":
    main()
