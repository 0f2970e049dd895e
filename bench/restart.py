"""``python -m bench.restart``: from the start of a worker's process to its first processed event, on 1,000 learned models.

First a worker learns: so many events of every model, then its state is in Redis. This also tells what catching up takes in
memory.
Then, some times over, while a little traffic goes on, a worker is started and watched from outside: when its ops endpoint
answers (imports and start-up checks are over), when it holds its partitions (group joined, state restored), and when it
has processed its first event. The bound is 5 s for the last.

The worker has a static ``worker.instance_id``, as docs/operations.md advises: only then does a group
not wait for a dead member's session. Every second restart follows SIGKILL instead of SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.readings import MB, Progress, cpu_seconds, exported, memory_bytes
from bench.traffic import Events, Shape, SteadyTraffic, fill
from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from tests.pipeline import WorkerProcess
from tests.services import KafkaCluster, RedisServer

BOUND_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process to each moment."""

    ops: float
    ready: float
    processed: float


def reached(worker: WorkerProcess, what: Callable[[dict[str, float]], bool]) -> float:
    """When the exported metrics first say so; monotonic seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if what(exported(worker.port)):
                return time.monotonic()
        except OSError:
            assert worker.running, worker.log_tail()
        time.sleep(0.02)
    raise TimeoutError(worker.log_tail())


def start(worker: WorkerProcess) -> Start:
    """Start the worker and watch it."""
    started = time.monotonic()
    worker.launch()
    ops = reached(worker, lambda _: True)
    ready = reached(worker, lambda _: worker.get("/readyz") == 200)
    processed = reached(worker, lambda told: told.get("driftbell_events_total", 0) > 0)
    return Start(ops - started, ready - started, processed - started)


def learn(worker: WorkerProcess, progress: Progress) -> None:
    """Let the worker read everything, and tell what that took."""
    worker.start()
    assert worker.pid is not None
    started, cpu = time.monotonic(), cpu_seconds(worker.pid)
    total = progress.lag()
    told = time.monotonic()
    blocked = 0.0
    while (lag := progress.lag()) > 0:
        time.sleep(0.5)
        assert worker.pid is not None, worker.log_tail()
        if time.monotonic() - told > 10:
            told = time.monotonic()
            blocked = exported(worker.port)["driftbell_event_loop_blocked_seconds_max"]
            print(
                f"  {told - started:5.0f} s: {lag:,} events to go, {memory_bytes(worker.pid) / MB:.0f} MB, "
                f"event loop blocked at most {blocked * 1000:.0f} ms",
                flush=True,
            )
    blocked = exported(worker.port)["driftbell_event_loop_blocked_seconds_max"]
    cpu = cpu_seconds(worker.pid) - cpu
    print(
        f"learned {total:,} events in {time.monotonic() - started:.0f} s ({cpu / max(1, total) * 1e6:.0f} us of CPU each); "
        f"memory now {memory_bytes(worker.pid) / MB:.0f} MB, at most {memory_bytes(worker.pid, 'VmHWM') / MB:.0f} MB; "
        f"event loop blocked at most {blocked * 1000:.0f} ms",
        flush=True,
    )


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="driftbell-restart-") as text, ExitStack() as stack:
        folder = Path(text)
        delay = {"group.initial.rebalance.delay.ms": str(options.rebalance_delay)}
        kafka = stack.enter_context(KafkaCluster(folder / "kafka", properties=delay))
        redis = stack.enter_context(RedisServer(folder / "redis", options={"auto-aof-rewrite-percentage": "100"}))
        config = Config(
            kafka=dict(kafka.settings),
            redis=RedisSettings(url=redis.url),
            topics=kafka.create_all(partitions=options.partitions),
            worker=Worker(group="restart", instance_id="worker-1"),
            monitoring=Monitoring(reference=Reference(events=options.reference)),
        )
        progress = Progress(config, redis)
        stack.callback(progress.close)
        events = Events(Shape(models=options.models, features=options.features, labels=options.labels))
        print(
            f"publishing {options.reference * options.models:,} predictions of {options.models:,} models ...",
            flush=True,
        )
        fill(kafka.settings, config.topics, events, options.reference + 20)
        worker = WorkerProcess(folder / "worker", config)
        stack.callback(worker.kill)
        learn(worker, progress)
        with redis.client() as client:
            info = client.info("memory")
            assert isinstance(info, dict)
            print(f"Redis holds {info['used_memory'] / MB:.0f} MB")
        traffic = SteadyTraffic(kafka.settings, config.topics, events, options.rate)
        traffic.start()
        starts: list[Start] = []
        print(f"\n{'after':10} {'ops s':>8} {'ready s':>8} {'first event s':>14}")
        for number in range(options.restarts):
            killed = number % 2 == 1
            worker.kill() if killed else worker.stop()
            starts.append(one := start(worker))
            print(
                f"{'SIGKILL' if killed else 'SIGTERM':10} {one.ops:>8.2f} {one.ready:>8.2f} {one.processed:>14.2f}",
                flush=True,
            )
            time.sleep(3)
        traffic.stop()
        if options.keep_log:
            options.keep_log.write_bytes(worker.log.read_bytes())
    middle, worst = median(s.processed for s in starts), max(s.processed for s in starts)
    print(f"first event after {middle:.2f} s (median), {worst:.2f} s (worst); bound {BOUND_SECONDS:.0f} s")
    return 0 if middle < BOUND_SECONDS else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.restart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1000, help="models (default 1,000)")
    parser.add_argument("--features", type=int, default=20, help="features of each (default 20)")
    parser.add_argument(
        "--partitions", type=int, default=12, help="partitions, all held by the one worker (default 12)"
    )
    parser.add_argument(
        "--reference", type=int, default=1000, help="monitoring.reference.events (default 1,000; 5,000 is its own)"
    )
    parser.add_argument("--labels", type=float, default=0.2, help="share of predictions with a label (default 0.2)")
    parser.add_argument("--rate", type=float, default=200.0, help="events a second while restarting (default 200)")
    parser.add_argument("--restarts", type=int, default=6, help="restarts (default 6)")
    parser.add_argument("--rebalance-delay", type=int, default=0, help="the broker's group.initial.rebalance.delay.ms")
    parser.add_argument("--keep-log", type=Path, help="copy the worker's log to this file")
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
