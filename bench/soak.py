"""``python -m bench.soak``: minutes of steady load on real Kafka and Redis, and a verdict: are memory and lag flat?

Two workers share the partitions. Every ten seconds a line tells their memory, the lag (records in the topics that no saved
checkpoint counts), the age of the oldest checkpoint, the longest block of the event loop since start, and Redis' memory.

Everything that is bounded by time is made short, so that it is full before measuring begins (after the first third, at most
eight minutes): labels are awaited for two minutes, 120 windows of metrics take four. What still grows then, leaks.

Flat means that the line fitted to the samples after that rises, beyond two standard errors, by less than 3 bytes per event and
1 MB in all (the grain of an allocator) in each worker and in Redis, and by less than one in a thousand events for the lag. In
the end every published event must have been counted exactly once. Exit code 0 when all of this holds, else 1.

A short form for every day, which finds what is broken but no slow leak: ``--minutes 1 --models 4 --every 2``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.readings import MB, Progress, cpu_seconds, exported, memory_bytes
from bench.slope import slope
from bench.traffic import Events, Shape, SteadyTraffic
from driftbell.runtime.config.model import Config, Join, Monitoring, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from tests.pipeline import WorkerProcess
from tests.services import KafkaCluster, RedisServer
from tests.services.waiting import wait_until

#: A worker or Redis that keeps more of every event, for ever, is not flat.
BYTES_PER_EVENT = 3.0
#: What an allocator's arenas and Redis' tables may take at once, whatever the length of the run.
GRAIN_BYTES = 1_000_000
#: The lag may not grow by more than this share of the events.
LAG_PER_EVENT = 0.001

#: Labels are awaited so long, and in a short run for a sixth of it: predictions then leave Redis within the warm-up.
HORIZON_SECONDS = 120.0
#: A subject keeps 120 windows of metrics: of this width they are all there after four minutes.
WINDOW_SECONDS = 2.0
#: Pending predictions in memory: few, so that labels are looked up in Redis and the cache is full soon.
CACHED_PREDICTIONS = 2_000
LONGEST_WARM_UP_SECONDS = 480.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything."""

    seconds: float
    workers_bytes: list[int]
    redis_bytes: int
    lag: int
    checkpoint_age: float
    loop_blocked: float
    events: int
    cpu_seconds: float

    def line(self, before: Sample | None) -> str:
        """One row of the table."""
        rate = cpu = 0.0
        if before is not None and self.seconds > before.seconds:
            rate = (self.events - before.events) / (self.seconds - before.seconds)
            cpu = (self.cpu_seconds - before.cpu_seconds) / (self.seconds - before.seconds)
        workers = " ".join(f"{size / MB:8.1f}" for size in self.workers_bytes)
        return (
            f"{self.seconds:7.0f} {rate:9.0f} {self.lag:8d} {self.checkpoint_age:8.2f} {self.loop_blocked * 1000:8.0f} "
            f"{self.redis_bytes / MB:9.2f} {cpu * 100:6.0f} {workers}"
        )


def header(workers: int) -> str:
    """The table's head."""
    names = " ".join(f"{f'worker{n}':>8}" for n in range(1, workers + 1))
    return (
        f"{'':7} {'events':>9} {'lag':>8} {'saved':>8} {'blocked':>8} {'Redis':>9} {'CPU':>6} {names}\n"
        f"{'s':>7} {'/s':>9} {'records':>8} {'s ago':>8} {'ms':>8} {'MB':>9} {'%':>6} {'MB':>8}"
    )


def warm_up(total: float) -> float:
    """Seconds from the start of a run of ``total`` seconds after which measuring begins."""
    return min(total / 3, LONGEST_WARM_UP_SECONDS)


class Soak:
    """The services, the workers and the traffic of one run."""

    def __init__(self, folder: Path, stack: ExitStack, options: argparse.Namespace) -> None:
        kafka = stack.enter_context(KafkaCluster(folder / "kafka"))
        total = options.minutes * 60
        # An append-only file that is never rewritten, as the tests want it, would fill the disk in a night.
        rewriting = {"auto-aof-rewrite-percentage": "100"}
        self.redis = stack.enter_context(RedisServer(folder / "redis", options=rewriting))
        self.config = Config(
            kafka=dict(kafka.settings),
            redis=RedisSettings(url=self.redis.url),
            topics=kafka.create_all(partitions=4),
            worker=Worker(group="soak"),
            join=Join(horizon=min(HORIZON_SECONDS, total / 6), cache_predictions=CACHED_PREDICTIONS),
            # A run too short for all windows to fill has one that lasts.
            monitoring=Monitoring(metrics_window=WINDOW_SECONDS if warm_up(total) > 120 * WINDOW_SECONDS else 60.0),
        )
        self.workers = [WorkerProcess(folder / f"worker-{n}", self.config) for n in range(1, options.workers + 1)]
        for worker in self.workers:
            stack.enter_context(worker)
        self.progress = Progress(self.config, self.redis)
        stack.callback(self.progress.close)
        shape = Shape(models=options.models, features=options.features)
        self.traffic = SteadyTraffic(kafka.settings, self.config.topics, Events(shape), options.rate)
        self._watching = self.redis.client()
        stack.callback(self._watching.close)

    def look(self, started: float) -> Sample:
        """Take one sample."""
        pids = [worker.pid for worker in self.workers if worker.pid is not None]
        assert len(pids) == len(self.workers), "a worker has ended: see its log"
        told = [exported(worker.port) for worker in self.workers]
        info = self._watching.info("memory")
        assert isinstance(info, dict)
        return Sample(
            seconds=time.monotonic() - started,
            workers_bytes=[memory_bytes(pid) for pid in pids],
            redis_bytes=info["used_memory"],
            lag=self.progress.lag(),
            checkpoint_age=max(one.get("max:driftbell_checkpoint_age_seconds", 0.0) for one in told),
            loop_blocked=max(one["driftbell_event_loop_blocked_seconds_max"] for one in told),
            events=self.traffic.predictions + self.traffic.labels,
            cpu_seconds=sum(map(cpu_seconds, pids)),
        )

    def counted(self) -> dict[str, float]:
        """What all workers have counted since they started."""
        told = [exported(worker.port) for worker in self.workers]
        return {name: sum(one.get(name, 0.0) for one in told) for name in told[0]}


def verdict(samples: Sequence[Sample], rate: float) -> list[str]:
    """Print the fitted slopes; returns what is not flat."""
    seconds = [sample.seconds for sample in samples]
    bytes_limit = BYTES_PER_EVENT * rate + GRAIN_BYTES / (seconds[-1] - seconds[0])
    rows: list[tuple[str, list[float], float, float, str]] = [
        (f"worker {n + 1} memory", [s.workers_bytes[n] for s in samples], bytes_limit, MB, "MB")
        for n in range(len(samples[0].workers_bytes))
    ]
    rows += [
        ("Redis memory", [s.redis_bytes for s in samples], bytes_limit, MB, "MB"),
        ("lag", [s.lag for s in samples], LAG_PER_EVENT * rate, 1.0, "records"),
    ]
    print(f"\n{'':18} {'mean':>10} {'least':>10} {'most':>10} {'per hour':>12} {'+-':>10} {'flat below':>11}")
    rising = []
    for name, values, limit, unit, symbol in rows:
        fit = slope(seconds, values)
        hour = 3600 / unit
        told = "rises" if fit.exceeds(limit) else "flat"
        print(
            f"{name:18} {fit.mean / unit:>10.2f} {fit.smallest / unit:>10.2f} {fit.largest / unit:>10.2f} "
            f"{fit.per_second * hour:>+12.2f} {2 * fit.error * hour:>10.2f} {limit * hour:>11.2f}  {symbol}: {told}"
        )
        if fit.exceeds(limit):
            rising.append(name)
    ages = [s.checkpoint_age for s in samples]
    print(f"{'checkpoint age':18} median {median(ages):.2f} s, at most {max(ages):.2f} s")
    print(f"{'event loop':18} blocked at most {samples[-1].loop_blocked * 1000:.0f} ms since the start of the workers")
    return rising


def run(options: argparse.Namespace, out: Path | None) -> int:
    """Run it; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="driftbell-soak-") as text, ExitStack() as stack:
        soak = Soak(Path(text), stack, options)
        total = options.minutes * 60
        print(
            f"{options.minutes:g} minutes at {options.rate:,.0f} events/s, {options.models} models, "
            f"warm-up {warm_up(total):.0f} s"
        )
        print(header(options.workers), flush=True)
        started = time.monotonic()
        soak.traffic.start()
        samples: list[Sample] = []
        while (elapsed := time.monotonic() - started) < total:
            time.sleep(max(0.0, min(options.every, total - elapsed)))
            samples.append(soak.look(started))
            print(samples[-1].line(samples[-2] if len(samples) > 1 else None), flush=True)
            if out is not None:
                with out.open("a") as file:
                    file.write(json.dumps(asdict(samples[-1])) + "\n")
        soak.traffic.stop()
        wait_until(lambda: soak.progress.lag() == 0, "everything is read and saved", timeout=120, pause=0.5)
        counted = soak.counted()
        measured = [sample for sample in samples if sample.seconds >= warm_up(total)]
        rising = verdict(
            measured, (samples[-1].events - samples[0].events) / (samples[-1].seconds - samples[0].seconds)
        )
    published = (soak.traffic.predictions - soak.traffic.failed, soak.traffic.labels)
    exact = (counted["driftbell_events_total"], soak.traffic.failed) == (sum(published), 0)
    print(
        f"{'events':18} {published[0]:,} predictions and {published[1]:,} labels published, "
        f"{counted['driftbell_events_total']:,.0f} counted: {'exact' if exact else 'NOT EXACT'}; "
        f"alert transitions {counted.get('driftbell_alert_transitions_total', 0):,.0f}"
    )
    if rising or not exact:
        print(f"NOT FLAT: {', '.join(rising) or 'counts'}")
        return 1
    print("FLAT: memory and lag do not rise")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rate", type=float, default=2000.0, help="events a second, labels included (default 2000)")
    parser.add_argument("--models", type=int, default=20, help="models (default 20)")
    parser.add_argument("--features", type=int, default=20, help="features per model (default 20)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples (default 10)")
    parser.add_argument("--out", type=Path, help="also append the samples to this file, as JSON lines")
    options = parser.parse_args(arguments)
    return run(options, options.out)


if __name__ == "__main__":
    sys.exit(main())
