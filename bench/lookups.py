"""``python -m bench.lookups``: how many labels a second are joined when Redis is some milliseconds away.

Predictions are saved in a real Redis behind a proxy that delays each answer, and have left the worker's memory; then their
labels come, one in 50 ms of stream time among other predictions, as in a catch-up. Each row is one partition.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis

from driftbell.runtime.config.model import Config, Join
from driftbell.schemas import Feedback, Prediction
from driftbell.schemas.codec import encode_feedback, encode_prediction
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.partition import partition as core
from driftbell.streams.records import Input, Record
from tests.services import RedisServer

START_MS = 1_750_000_000_000
STEP_MS = 50
GAP_MS = 3_600_000


class Delay:
    """A proxy in front of a port that hands on each answer ``seconds`` late."""

    def __init__(self, port: int, seconds: float) -> None:
        self._to = port
        self._seconds = seconds
        self.answers = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        loop = asyncio.get_running_loop()
        asked = True

        async def ask() -> None:
            nonlocal asked
            while data := await reader.read(1 << 20):
                asked = True
                forth.write(data)
            forth.close()

        async def answer() -> None:
            nonlocal asked
            while data := await back.read(1 << 20):
                self.answers += asked
                asked = False
                loop.call_later(self._seconds, writer.write, data)

        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(ask(), answer())


async def measure(port: int, delay: float, labels: int, look_ahead: int) -> tuple[float, int]:
    """Labels a second, and round trips for look-ups."""
    proxy = Delay(port, delay)
    client = Redis(host="127.0.0.1", port=await proxy.start())
    await client.flushall()
    store = RedisCheckpointStore(client, "bench")
    await store.claim(0, 1, "bench", stale_after=0)
    core.LOOK_AHEAD = look_ahead
    partition = core.Partition(0, Config(join=Join(cache_predictions=50_000)))

    def predictions(prefix: str, count: int, start_ms: int, first: int) -> list[Record]:
        made = (
            Prediction(prediction_id=f"{prefix}{i}", model="fraud", version="3", prediction=1) for i in range(count)
        )
        return [
            Record(first + i, start_ms + i * STEP_MS // 10, encode_prediction(event)) for i, event in enumerate(made)
        ]

    lookups = 0

    async def work() -> None:
        nonlocal lookups
        while (step := partition.next_step()) is not None:
            keys = partition.lookups(step)
            lookups += bool(keys)
            found = await store.lookup(0, partition.live_slots, keys) if keys else None
            for _ in partition.run(step, found):
                pass

    known = predictions("known-", labels + 60_000, START_MS, 0)
    partition.push(Input.PREDICTIONS, known)
    partition.advance_watermark(Input.FEEDBACK, START_MS + GAP_MS)
    partition.advance_watermark(Input.PREDICTIONS, START_MS + GAP_MS)
    await work()
    saved = partition.checkpoint()
    await store.save(0, 1, 1, saved)
    partition.saved(saved)
    partition.published(saved)

    later_ms = START_MS + GAP_MS
    partition.push(Input.PREDICTIONS, predictions("new-", labels * 10, later_ms, len(known)))
    partition.push(
        Input.FEEDBACK,
        [
            Record(
                i, later_ms + i * STEP_MS, encode_feedback(Feedback(prediction_id=f"known-{i}", model="fraud", label=1))
            )
            for i in range(labels)
        ],
    )
    for source in Input:
        partition.advance_watermark(source, later_ms + GAP_MS)
    started = time.perf_counter()
    await work()
    passed = time.perf_counter() - started
    assert partition.join_counts["joined"] == labels, partition.join_counts
    await store.close()
    await asyncio.sleep(0.1)
    return labels / passed, lookups


async def run(options: argparse.Namespace) -> None:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        print(f"{'Redis is away':>13}  {'looked up':>14}  {'labels/s':>9}  {'events/s':>9}  {'round trips':>11}")
        for delay in (0.0, options.delay / 1000):
            for look_ahead in (0, 4096):
                rate, lookups = await measure(server.port, delay, options.labels, look_ahead)
                how = "ahead" if look_ahead else "step by step"
                print(f"{delay * 1000:>10.0f} ms  {how:>14}  {rate:>9,.0f}  {rate * 11:>9,.0f}  {lookups:>11,}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1_000)
    parser.add_argument("--delay", type=float, default=20.0, help="milliseconds until an answer comes")
    asyncio.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
