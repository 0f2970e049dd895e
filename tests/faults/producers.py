"""What people do to topics and keys that they must not: mistaken producers, and partitions added under running workers."""

from __future__ import annotations

import itertools
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions
from msgspec.structs import replace

from driftbell.runtime.kafka import producer_settings
from driftbell.streams.partition.placement import Misplaced, partition_of
from tests.faults.scenario import Run, state_differences
from tests.pipeline import WorkerProcess
from tests.services.waiting import wait_until

#: Events of each mistake, a prediction and its label each, and how long they flow.
MISTAKES, MISTAKEN_SECONDS = 60, 3.0

#: How soon consumers look whether topics have changed in these runs, in milliseconds; five minutes by default.
METADATA_AGE_MS = 1500


def send_mistakes(run: Run) -> None:
    """Three services at once: one sets no key, one takes the prediction's id, one has librdkafka's own partitioner."""
    producer = Producer(producer_settings(run.config.kafka) | {"log_level": 0})
    partitions = run.config.topics.partitions
    elsewhere = next(
        name
        for name in (f"crc-{number}" for number in itertools.count())
        if zlib.crc32(name.encode()) % partitions != partition_of(name.encode(), partitions)
    )
    for number in range(MISTAKES):
        for topic, identifier, field in (
            (run.config.topics.predictions, f"m-{number}", "prediction"),
            (run.config.topics.feedback, f"m-{number}", "label"),
        ):
            producer.produce(topic, _event("keyless", f"k{identifier}", field), None, number % partitions)
            producer.produce(topic, _event("by-id", f"i{identifier}", field), f"i{identifier}")
            crc = zlib.crc32(elsewhere.encode()) % partitions
            producer.produce(topic, _event(elsewhere, f"c{identifier}", field), elsewhere, crc)
        producer.poll(0)
        time.sleep(MISTAKEN_SECONDS / MISTAKES)
    assert producer.flush(30) == 0
    run.expected_problems = {
        (topic, problem.value)
        for topic in (run.config.topics.predictions, run.config.topics.feedback)
        for problem in Misplaced
    }


def _event(model: str, identifier: str, field: str) -> bytes:
    event: dict[str, Any] = {
        "prediction_id": identifier,
        "model": model,
        "timestamp": int(time.time() * 1000),
        field: True,
    }
    if field == "prediction":
        event |= {"version": "1", "features": {"amount": 1.0}}
    return json.dumps(event).encode()


def homely_prefix(models: int, before: int, after: int) -> str:
    """A prefix of the names of models that stay where they are when partitions are added."""
    return next(
        prefix
        for prefix in (f"home-{number}-" for number in itertools.count())
        if all(_stays(f"{prefix}{model}".encode(), before, after) for model in range(models))
    )


def _stays(key: bytes, before: int, after: int) -> bool:
    return partition_of(key, before) == partition_of(key, after)


def add_partition(run: Run) -> None:
    """Add one to both inputs: every worker must end and say what to do, also a new one; then do that.

    What was saved until then must be exact, and what the new group makes of everything as well.
    """
    topics = run.config.topics
    more = topics.partitions + 1
    admin = run.kafka.admin()
    for future in admin.create_partitions(
        [NewPartitions(n, more) for n in (topics.predictions, topics.feedback)]
    ).values():
        future.result(30)
    old = list(run.workers)
    for worker in [*old, run.start_worker()]:
        run.differences += _not_refused(worker)
    run.differences += [f"the old group: {found}" for found in state_differences(run)]
    group = replace(run.config.worker, group=f"{run.config.worker.group}-new")
    run.config = replace(run.config, topics=replace(topics, partitions=more), worker=group)
    run.start_worker()
    # Its own, as the one that flows keeps to the partitions that it knows.
    producer = Producer(producer_settings(run.config.kafka) | {"log_level": 0})
    newcomer = next(n for n in (f"new-{at}" for at in itertools.count()) if partition_of(n.encode(), more) == more - 1)
    for number in range(MISTAKES):
        producer.produce(topics.predictions, _event(newcomer, f"n-{number}", "prediction"), newcomer)
        producer.produce(topics.feedback, _event(newcomer, f"n-{number}", "label"), newcomer)
    assert producer.flush(30) == 0


def _not_refused(worker: WorkerProcess) -> Iterator[str]:
    wait_until(lambda: not worker.running, "a worker notices the new partition", timeout=60, pause=0.2)
    log = worker.log_tail()
    if worker.exit_code(1.0) != 1:
        yield f"a worker ended with {worker.exit_code(1.0)}: {log[-500:]}"
    last = log.splitlines()[-1]
    if "partitions_changed" not in last or "new worker.group" not in last:
        yield f"the last line of a worker's log does not say what to do: {last}"
