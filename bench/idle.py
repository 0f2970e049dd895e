"""``python -m bench.idle``: what a whole worker with very many models takes, while they have events and while they have none.

A worker of its own with real Kafka and Redis. It learns so many models, then each of them has ``--rate`` events a second for a
while, then none. CPU is that of the whole process with all threads, as a share of one core; the age of a checkpoint is the
largest that was exported, which the rule DriftbellCheckpointOld compares with 20 s. For comparison: a worker without models.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.readings import MB, Progress, cpu_seconds, exported, memory_bytes
from bench.traffic import Events, Shape, SteadyTraffic, fill
from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from tests.pipeline import WorkerProcess
from tests.services import KafkaCluster, RedisServer


def watch(name: str, worker: WorkerProcess, seconds: float, events: Callable[[], float]) -> None:
    """Print one row about a worker over so many seconds."""
    assert worker.pid is not None
    ages: list[float] = []
    began, cpu, counted = time.monotonic(), cpu_seconds(worker.pid), events()
    while time.monotonic() - began < seconds:
        time.sleep(5)
        ages.append(exported(worker.port).get("max:driftbell_checkpoint_age_seconds", 0.0))
    took, used = time.monotonic() - began, cpu_seconds(worker.pid) - cpu
    processed = events() - counted
    each = f"{used / processed * 1e6:9.1f}" if processed > seconds else f"{'-':>9}"
    print(
        f"{name:28} {used / took:>8.1%} {processed / took:>9,.0f} {each} {max(ages):>10.1f} "
        f"{memory_bytes(worker.pid) / MB:>9.0f}",
        flush=True,
    )


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="driftbell-idle-") as text, ExitStack() as stack:
        folder = Path(text)
        kafka = stack.enter_context(KafkaCluster(folder / "kafka"))
        redis = stack.enter_context(RedisServer(folder / "redis"))
        config = Config(
            kafka=dict(kafka.settings),
            redis=RedisSettings(url=redis.url),
            topics=kafka.create_all(partitions=options.partitions),
            worker=Worker(group="idle", max_models_per_partition=max(10_000, options.models)),
            monitoring=Monitoring(reference=Reference(events=options.reference)),
        )
        progress = Progress(config, redis)
        stack.callback(progress.close)
        worker = WorkerProcess(folder / "worker", config)
        stack.callback(worker.kill)
        worker.start()
        head = f"{'':28} {'of a core':>8} {'events/s':>9} {'us/event':>9} {'oldest s':>10} {'memory MB':>9}"
        print(head, flush=True)

        def events_total() -> float:
            return exported(worker.port).get("driftbell_events_total", 0.0)

        watch("no models", worker, options.seconds, events_total)
        events = Events(Shape(models=options.models, features=options.features, labels=options.labels), pool=200)
        fill(kafka.settings, config.topics, events, options.reference + 8)
        while progress.lag() > 0:
            time.sleep(1)
        if options.rate:
            traffic = SteadyTraffic(kafka.settings, config.topics, events, options.rate * options.models)
            traffic.start()
            time.sleep(10)
            watch(f"{options.models:,} models, {options.rate:g}/s each", worker, options.seconds, events_total)
            traffic.stop()
            while progress.lag() > 0:
                time.sleep(1)
        # The windows of the last events are published, and labels waited for, some time after them.
        time.sleep(options.settle)
        watch(f"{options.models:,} models, quiet", worker, options.seconds, events_total)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.idle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=10_000, help="models (default 10,000)")
    parser.add_argument("--features", type=int, default=12, help="features of each (default 12)")
    parser.add_argument("--partitions", type=int, default=1, help="partitions, all held by the one worker (default 1)")
    parser.add_argument("--reference", type=int, default=20, help="events from which each learns (default 20)")
    parser.add_argument("--labels", type=float, default=0.0, help="share of predictions with a label (default 0)")
    parser.add_argument("--rate", type=float, default=0.0, help="events a second of each model (default 0: none)")
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds of each row (default 60)")
    parser.add_argument("--settle", type=float, default=100.0, help="seconds before the last row (default 100)")
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
