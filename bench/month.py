"""``python -m bench.month``: CPU of a replay of one model with one prediction and one label a minute, for 30 days.

Each label comes an hour after its prediction. Every minute is a look of its own, and by default a window of metrics,
which is published three times: when it is over, when its label has come, and when it is no longer kept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from bench.traffic import Events, Shape
from driftbell.runtime.config.model import Config, Monitoring
from driftbell.streams.replay import replay

START_MS = 1_790_000_000_000
MINUTE_MS = 60_000
LABEL_AFTER = 60


def records(events: Events, minutes: int) -> Iterator[tuple[str, int, bytes]]:
    """In order of time."""
    for number in range(minutes):
        at_ms = START_MS + number * MINUTE_MS
        yield "predictions", at_ms, events.prediction(number, "model", at_ms)
        if number >= LABEL_AFTER:
            yield "feedback", at_ms + 500, events.label(number - LABEL_AFTER, "model", at_ms + 500)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.month", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=43_200, help="minutes (default 43,200: 30 days)")
    parser.add_argument("--features", type=int, nargs="+", default=[1, 12], help="features (default 1 and 12)")
    parser.add_argument("--window", type=float, nargs="+", default=[60.0, 3600.0], help="monitoring.metrics_window, s")
    options = parser.parse_args(arguments)
    print(f"{'features':>8} {'window s':>9} {'records':>9} {'CPU s':>7} {'us/record':>10}")
    for features in options.features:
        for window in options.window:
            made = list(records(Events(Shape(models=1, features=features, labels=1.0), pool=2000), options.minutes))
            config = Config(monitoring=Monitoring(metrics_window=window))
            started = time.process_time()
            for _ in replay(made, config):
                pass
            used = time.process_time() - started
            print(
                f"{features:>8} {window:>9g} {len(made):>9,} {used:>7.1f} {used / len(made) * 1e6:>10.1f}", flush=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
