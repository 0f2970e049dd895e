"""``python -m bench.pending``: what predictions that wait for their label take in Redis, and what saves and look-ups cost.

Predictions with UUIDs for ids go through the real label join and the real store into a real Redis: 12 partitions, spread over
the whole horizon of seven days, one save per 10,000. A share of them is labelled, and stays until its slot is over, since
labels may be amended. Then labels are looked up as a worker would, a thousand at a time in all live slots.

The bound is 1.5 GB for ten million. With fewer predictions the table says what ten million would take by the same bytes each.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import redis.asyncio

from bench.readings import MB
from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.checkpoints.checkpoint import Checkpoint, SaveOutcome
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.join import LabelJoin
from tests.services import RedisServer

BOUND_PREDICTIONS = 10_000_000
BOUND_BYTES = 1_500_000_000

PARTITIONS = 12
PER_SAVE = 10_000
PER_LOOKUP = 1_000
LOOKUPS = 100
START_MS = 1_750_000_000_000


@dataclass(slots=True)
class Side:
    """One partition's join."""

    index: int
    join: LabelJoin
    saves: int = 0
    #: A sample of what was saved, to look up.
    known: list[str] = field(default_factory=list)


class Bench:
    """The join and the store of all partitions."""

    def __init__(self, store: RedisCheckpointStore, options: argparse.Namespace) -> None:
        self._store = store
        self._rng = random.Random(1)  # noqa: S311 - test data
        self._labelled = options.labelled
        # Nothing stays in memory that is saved, so that every look-up goes to Redis.
        self._sides = [Side(index, LabelJoin(Join(cache_predictions=1))) for index in range(PARTITIONS)]
        self.save_ms: list[float] = []
        self.lookup_ms: list[float] = []

    async def fill(self, predictions: int) -> None:
        """Save them all, partition by partition in turns."""
        for side in self._sides:
            await self._store.claim(side.index, 1, "bench", stale_after=0)
        horizon_ms = round(Join().horizon * 1000)
        told = time.monotonic()
        for done in range(0, predictions, PER_SAVE):
            side = self._sides[done // PER_SAVE % PARTITIONS]
            # Just short of the horizon, so that no slot is dropped.
            now_ms = START_MS + int(done / predictions * horizon_ms)
            await self._save(side, min(PER_SAVE, predictions - done), now_ms)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                print(f"  {done + PER_SAVE:,} saved", flush=True)

    async def _save(self, side: Side, count: int, now_ms: int) -> None:
        rng, join = self._rng, side.join
        ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]
        made = [
            Prediction(
                prediction_id=name,
                model="fraud",
                version="3",
                timestamp=now_ms,
                prediction=rng.random() < 0.1,
                scores=rng.random(),
            )
            for name in ids
        ]
        join.predictions(made, [now_ms - rng.randrange(1000) for _ in made], now_ms)
        labels = [
            Feedback(prediction_id=name, model="fraud", label=rng.random() < 0.1, timestamp=now_ms)
            for name in ids
            if rng.random() < self._labelled
        ]
        join.labels(labels, [now_ms] * len(labels), now_ms)
        side.known += rng.sample(ids, min(count, 200))
        side.saves += 1
        checkpoint = Checkpoint({"predictions": side.saves * count, "feedback": 0}, b"core", {}, join.delta(), ())
        started = time.perf_counter()
        outcome = await self._store.save(side.index, 1, side.saves, checkpoint)
        self.save_ms.append((time.perf_counter() - started) * 1000)
        assert outcome is SaveOutcome.SAVED
        join.saved(checkpoint.join)

    async def look_up(self) -> None:
        """Look up labels of random partitions."""
        rng = self._rng
        for _ in range(LOOKUPS):
            side = rng.choice([one for one in self._sides if one.known])
            names = rng.choices(side.known, k=PER_LOOKUP)
            labels = [Feedback(prediction_id=name, model="fraud", label=True, timestamp=START_MS) for name in names]
            keys = side.join.unknown(labels)
            started = time.perf_counter()
            found = await self._store.lookup(side.index, side.join.live_slots, keys)
            self.lookup_ms.append((time.perf_counter() - started) * 1000)
            assert len(found) == len(keys), "a saved prediction was not found"


async def run(server: RedisServer, options: argparse.Namespace) -> int:
    """Measure and print."""
    client = redis.asyncio.Redis(host="127.0.0.1", port=server.port)
    try:
        before = await client.info("memory")
        bench = Bench(RedisCheckpointStore(client, "pending"), options)
        started = time.monotonic()
        await bench.fill(options.predictions)
        seconds = time.monotonic() - started
        after = await client.info("memory")
        await bench.look_up()
        stats = await client.info("commandstats")
    finally:
        await client.aclose()
    used = after["used_memory"] - before["used_memory"]
    each = used / options.predictions
    scripts = [row for name, row in stats.items() if name in ("cmdstat_evalsha", "cmdstat_eval")]
    in_redis_ms = sum(row["usec"] for row in scripts) / len(bench.save_ms) / 1000
    print(
        f"\n{options.predictions:,} predictions, {options.labelled:.0%} labelled, saved in {seconds:.0f} s, with making them"
    )
    print(
        f"{'used memory':28} {used / MB:>10,.0f} MB, {each:.1f} bytes each (peak {after['used_memory_peak'] / MB:,.0f} MB)"
    )
    print(f"{'resident':28} {after['used_memory_rss'] / MB:>10,.0f} MB")
    saves, lookups = bench.save_ms, bench.lookup_ms
    print(
        f"{f'a save of {PER_SAVE:,}':28} {median(saves):>10.1f} ms median, {max(saves):.1f} ms worst; of it in Redis "
        f"{in_redis_ms:.1f} ms on average"
    )
    print(
        f"{f'a look-up of {PER_LOOKUP:,} labels':28} {median(lookups):>10.1f} ms median, {max(lookups):.1f} ms worst, "
        f"{PER_LOOKUP / median(lookups) * 1000:,.0f} labels/s"
    )
    projected = each * BOUND_PREDICTIONS
    how = "measured" if options.predictions >= BOUND_PREDICTIONS else "by the bytes above"
    print(f"{'ten million':28} {projected / MB:>10,.0f} MB ({how}), bound {BOUND_BYTES / MB:,.0f} MB")
    return 0 if projected < BOUND_BYTES else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.pending", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--predictions", type=int, default=1_000_000, help="predictions (default 1,000,000)")
    parser.add_argument("--labelled", type=float, default=0.2, help="share that is labelled (default 0.2)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="driftbell-pending-") as folder, RedisServer(Path(folder)) as server:
        return asyncio.run(run(server, options))


if __name__ == "__main__":
    sys.exit(main())
