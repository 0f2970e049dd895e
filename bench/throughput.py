"""``python -m bench.throughput``: events per second of one core, of the whole path and of its floor, in one run.

A topic on a real Kafka holds the events (286 bytes: 10 numeric and 2 categorical features). Then, one after another, each in
a process of its own whose CPU time is measured:

- ``floor``: confluent-kafka fetches chunks and msgspec decodes them; nothing else. Nobody can be faster than this.
- ``plain loop``: what people write first: confluent-kafka, a decode, and River on the ten numeric features: ADWIN alone, and
  with the mean and variance that a drift page has to show.
- ``driftbell``: the worker: Faust, merge, all default monitors, label join, checkpoints to a real Redis, alerts.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from driftbell.runtime.config.model import Config, Topics, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from driftbell.runtime.kafka import consumer_settings, producer_settings
from tests.pipeline import WorkerProcess
from tests.services import KafkaCluster, RedisServer
from tests.services.waiting import wait_until

_TICKS = os.sysconf("SC_CLK_TCK")

#: Events published per second of record time: a busy model.
RATE = 50_000


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def event(rng: random.Random, number: int, time_ms: int) -> bytes:
    """One prediction of about 286 bytes."""
    features: dict[str, Any] = {f"f{i}": round(rng.gauss(0, 1), 4) for i in range(10)}
    features["country"], features["device"] = rng.choice(("AT", "DE", "CH")), rng.choice(("web", "app"))
    body = {
        "prediction_id": f"{number:08x}",
        "model": "fraud",
        "version": "3",
        "timestamp": time_ms,
        "features": features,
        "prediction": number % 9 == 0,
        "latency_ms": 12.5,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def fill(kafka: KafkaCluster, topics: Topics, events: int, label_share: float) -> None:
    """Publish the events and the labels of a share of them."""
    rng = random.Random(7)  # noqa: S311
    producer = Producer(
        producer_settings(kafka.settings) | {"queue.buffering.max.messages": 1_000_000, "linger.ms": 20}
    )
    start_ms = int(time.time() * 1000) - events * 1000 // RATE - 60_000
    for number in range(events):
        at_ms = start_ms + number * 1000 // RATE
        producer.produce(topics.predictions, event(rng, number, at_ms), "fraud", timestamp=at_ms)
        if rng.random() < label_share:
            label = {"prediction_id": f"{number:08x}", "model": "fraud", "label": number % 9 == 0, "timestamp": at_ms}
            producer.produce(topics.feedback, json.dumps(label).encode(), "fraud", timestamp=at_ms + 500)
        if number % 2000 == 0:
            producer.poll(0)
    producer.flush(120)


#: What the plain loop updates for each numeric feature, by the name of the row.
LOOPS = {
    "floor (fetch, decode)": [],
    "plain loop (River ADWIN x 10)": ["drift.ADWIN"],
    "plain loop (River Mean, Var, ADWIN x 10)": ["stats.Mean", "stats.Var", "drift.ADWIN"],
}


def loop(bootstrap: str, topic: str, events: int, updated: Sequence[str]) -> None:
    """Consume, decode, and update objects of River's for each of ten features; prints CPU and wall seconds."""
    import msgspec
    import river.drift
    import river.stats

    from driftbell.schemas import Prediction

    consumer = Consumer(consumer_settings({"bootstrap.servers": bootstrap}, "floor") | {"fetch.wait.max.ms": 50})
    consumer.assign(
        [TopicPartition(topic, p, 0) for p in range(len(consumer.list_topics(topic).topics[topic].partitions))]
    )
    decode = msgspec.json.Decoder(Prediction).decode
    watched = [(f"f{i}", operator.attrgetter(name)(river)()) for i in range(10) for name in updated]
    seen, cpu, wall = 0, time.process_time(), time.monotonic()
    while seen < events:
        for message in consumer.consume(5000, timeout=1.0):
            features = decode(message.value() or b"").features
            for name, statistic in watched:
                statistic.update(features[name])
            seen += 1
    print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}))
    consumer.close()


def in_child(*arguments: str) -> dict[str, float]:
    """Run this module's ``loop`` in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-m", "bench.throughput", *arguments], check=True, capture_output=True, text=True
    )
    measured: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return measured


def driftbell(
    folder: Path, kafka: KafkaCluster, redis: RedisServer, topics: Topics, events: int, **worker: Any
) -> dict[str, float]:
    """Run one worker over the topic; CPU and wall seconds from its first assignment to its last checkpoint."""
    group = f"bench-{time.monotonic_ns()}"
    config = Config(
        kafka=dict(kafka.settings),
        redis=RedisSettings(url=redis.url),
        topics=topics,
        worker=Worker(group=group, **worker),
    )
    process = WorkerProcess(folder / group, config)
    process.launch()
    process.wait_until_it_answers()
    assert process.pid is not None
    cpu, wall = cpu_seconds(process.pid), time.monotonic()

    def done() -> bool:
        with redis.client() as client:
            keys = [f"driftbell:{{{group}:{p}}}" for p in range(topics.partitions)]
            return sum(int(client.hget(key, "off:predictions") or 0) for key in keys) >= events

    wait_until(done, "all is read", timeout=600, pause=0.1)
    measured = {"cpu": cpu_seconds(process.pid) - cpu, "wall": time.monotonic() - wall}
    process.stop()
    return measured


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == ["loop"]:
        loop(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--events", type=int, default=500_000, help="predictions (default 500,000)")
    parser.add_argument("--labels", type=float, default=0.1, help="share of predictions with a label (default 0.1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="driftbell-bench-") as text:
        folder = Path(text)
        with KafkaCluster(folder / "kafka") as kafka, RedisServer(folder / "redis") as redis:
            topics = kafka.create_all(partitions=1)
            print(f"publishing {options.events:,} predictions ...", flush=True)
            fill(kafka, topics, options.events, options.labels)
            events = str(options.events)
            rows = {
                name: in_child("loop", kafka.bootstrap, topics.predictions, events, *updated)
                for name, updated in LOOPS.items()
            }
            rows["driftbell (everything)"] = driftbell(folder, kafka, redis, topics, options.events)
            rows["driftbell (checkpoint every 60 s)"] = driftbell(
                folder, kafka, redis, topics, options.events, checkpoint_interval=60.0
            )
    base = next(iter(rows.values()))["cpu"]
    print(f"{'':42} {'events/s/core':>14} {'us/event':>9} {'of floor':>9} {'wall s':>7}")
    for name, row in rows.items():
        print(
            f"{name:42} {options.events / row['cpu']:>14,.0f} {row['cpu'] / options.events * 1e6:>9.2f} "
            f"{base / row['cpu']:>9.2f} {row['wall']:>7.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
