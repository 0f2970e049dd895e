"""Sets up one run, lets its fault strike, and cleans up."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from driftbell.alerting.channels.registry import MODEL
from tests.faults.faults import FAULTS, prepare
from tests.faults.pager import Pager
from tests.faults.scenario import PARTITIONS, Outcome, Run, configuration, play
from tests.pipeline import RouterProcess
from tests.services import KafkaCluster, RedisServer, ValkeyServer

STORES: dict[str, type[RedisServer]] = {"redis": RedisServer, "valkey": ValkeyServer}


def strike(
    seed: int,
    name: str,
    folder: Path,
    kafka: KafkaCluster,
    store: type[RedisServer],
    *,
    workers: int = 2,
    predictions: int = 8_000,
    seconds: float = 8.0,
) -> Outcome:
    """One seed of one fault, on a store and topics of its own."""
    with store(folder / f"store-{seed}") as redis, Pager() as pager:
        # As `driftbell topics create` does it: a producer that waited out an outage does not bring old times.
        topics = kafka.create_all(partitions=PARTITIONS, inputs={"message.timestamp.type": "LogAppendTime"})
        config = configuration(kafka, redis, topics, f"faults-{seed}", msgspec.convert(pager.router(), MODEL.router))
        router = RouterProcess(folder / f"run-{seed}" / "router", config)
        run = Run(seed, folder / f"run-{seed}", config, kafka, redis, random.Random(seed), pager, router)
        prepare(name, run)
        try:
            return play(run, FAULTS[name], workers=workers, predictions=predictions, seconds=seconds)
        finally:
            for process in (*run.workers, run.router):
                if process.running:
                    process.kill()
