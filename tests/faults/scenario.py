"""One run: traffic flows, a fault strikes, all is read; then state and alerts must equal the oracle's."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis
from confluent_kafka import Consumer, TopicPartition

from driftbell.runtime.config.model import Config, Join, Monitoring, MonitorSettings, Reference, Topics, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.kafka import consumer_settings
from driftbell.runtime.kafka.watermarks import watermarks
from driftbell.schemas import Alert
from driftbell.streams.records import Input, Record
from tests.faults.haste import OVER_SECONDS, hurried
from tests.faults.pager import Episode, Pager
from tests.pipeline import LiveProducer, RouterProcess, Traffic, WorkerProcess, expected_of, stored_of
from tests.pipeline.oracle import published_alerts
from tests.services import KafkaCluster, RedisServer
from tests.services.waiting import wait_until

PARTITIONS = 4


@dataclass(slots=True)
class Run:
    """What a fault may lay hands on."""

    seed: int
    folder: Path
    config: Config
    kafka: KafkaCluster
    redis: RedisServer
    rng: random.Random
    pager: Pager
    router: RouterProcess
    #: Epoch seconds between which nobody routed.
    router_down: tuple[float, float] = (0.0, 0.0)
    workers: list[WorkerProcess] = field(default_factory=list)
    #: Environment of the workers started first, by number.
    environment: dict[int, dict[str, str]] = field(default_factory=dict)

    #: Which records of the predictions the workers must have stepped over, as they failed at them.
    stepped_over: Callable[[bytes | None], bool] = field(default=lambda _: False)

    #: What the models of the traffic are called, before their number.
    model_prefix: str = "model-"

    #: Whether the records' keys are judged, as their producers are mistaken; by topic and problem, what must be told of them.
    expected_problems: set[tuple[str, str]] = field(default_factory=set)

    #: What the fault itself has found wrong.
    differences: list[str] = field(default_factory=list)

    #: What was deleted from the inputs, by topic and partition: the oracle has seen it.
    deleted: dict[tuple[str, int], list[Record]] = field(default_factory=dict)

    def start_worker(self) -> WorkerProcess:
        """One more worker."""
        number = len(self.workers)
        worker = WorkerProcess(self.folder / f"worker-{number}", self.config, env=self.environment.get(number))
        self.workers.append(worker)
        worker.launch()
        return worker

    def victim(self) -> WorkerProcess:
        """One of the running workers."""
        return self.rng.choice([worker for worker in self.workers if worker.running])


Fault = Callable[[Run], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed; ``differences`` is empty when all is exact."""

    differences: list[str]
    predictions: int
    alerts: int
    repeated_alert_records: int
    pages: int
    exit_codes: Counter[int]


def configuration(kafka: KafkaCluster, store: RedisServer, topics: Topics, group: str, router: RouterConfig) -> Config:
    """Small references and short sessions, so that a run of seconds sees drift, pages and rebalances."""
    calm = {name: MonitorSettings(keep_firing_for=2.0) for name in ("error_rate", "feature_drift", "prediction_drift")}
    return Config(
        kafka={"bootstrap.servers": kafka.bootstrap},
        redis=RedisSettings(url=store.url),
        topics=topics,
        worker=Worker(group=group, session_timeout=6.0, checkpoint_patience=120.0, shutdown_grace=30.0),
        join=Join(horizon=20.0, cache_predictions=2000),
        monitoring=Monitoring(reference=Reference(events=400, labels=300), monitors=calm, metrics_window=5.0),
        router=router,
    )


def play(
    run: Run, fault: Fault, *, workers: int, predictions: int, seconds: float, drain_seconds: float = 120.0
) -> Outcome:
    """Publish live for ``seconds`` while ``fault`` strikes, wait until everything is read, stop, and compare."""
    run.router.launch()
    for _ in range(workers):
        run.start_worker()
    for process in (*run.workers, run.router):
        try:
            process.wait_until_it_answers()
        except RuntimeError:
            # A crash point may come before it is ready.
            if not process.environment:
                raise
    start_ms = int(time.time() * 1000) + 200
    events = Traffic(run.seed, predictions, int(seconds * 1000), model_prefix=run.model_prefix).events(start_ms)
    producer = LiveProducer(run.config.kafka, run.config.topics, events, start_ms)
    producer.start()
    time.sleep(seconds * run.rng.uniform(0.25, 0.7))
    fault(run)
    producer.join()
    if not any(worker.running for worker in run.workers):
        run.start_worker()
    wait_until(lambda: all_read(run.config, ends(run.config)), "everything is read", timeout=drain_seconds, pause=0.5)
    # The last alerts close some ticks after the last record.
    time.sleep(3 * run.config.worker.tick + (OVER_SECONDS if run.expected_problems else 0.0))
    codes: Counter[int] = Counter()
    survivors = [worker for worker in run.workers if worker.running]
    for worker in run.workers:
        worker.stop()
        codes[worker.exit_code(5.0) or 0] += 1
    if any(worker.exit_code(0) for worker in survivors):
        # A crash point that came only with the last save: what it left in the outbox is for the next owner.
        last = run.start_worker()
        last.wait_until_it_answers()
        time.sleep(3 * run.config.worker.tick)
        last.stop()
    outcome = _compare(run, codes, len(events))
    run.router.stop()
    if not outcome.differences:
        shutil.rmtree(run.folder, ignore_errors=True)
    return outcome


def ends(config: Config) -> dict[tuple[str, int], int]:
    """Where the inputs end, by name and partition."""
    consumer = Consumer(consumer_settings(config.kafka, "ends") | {"log_level": 0})
    try:
        return {
            (stream.value, partition): watermarks(
                consumer, TopicPartition(getattr(config.topics, stream.value), partition), timeout=30
            )[1]
            for stream in Input
            for partition in range(config.topics.partitions)
        }
    finally:
        consumer.close()


def all_read(config: Config, until: Mapping[tuple[str, int], int]) -> bool:
    """Whether the checkpoints have come to these ends."""
    done = saved(config)
    return all(done[Input.named(name), partition] >= end for (name, partition), end in until.items())


def saved(config: Config) -> dict[tuple[Input, int], int]:
    """How far the checkpoints have come; 0 where there is none."""
    with redis.Redis.from_url(config.redis.url) as client:
        keys = {p: f"driftbell:{{{config.worker.group}:{p}}}" for p in range(config.topics.partitions)}
        return {(s, p): int(client.hget(key, f"off:{s.value}") or 0) for p, key in keys.items() for s in Input}


def state_differences(run: Run, alerts: dict[str, Alert] | None = None) -> list[str]:
    """What is stored and was not expected; ``alerts`` takes those that are, by their ids."""
    differences: list[str] = []
    partitions = run.config.topics.partitions
    for partition in range(partitions):
        stored = stored_of(run.config, partition)
        if stored is None:
            continue
        with hurried(bool(run.expected_problems)):
            expected = expected_of(
                run.config, partition, stored,
                stepped_over=run.stepped_over, deleted=run.deleted, partitions=partitions,
            )  # fmt: skip
        if alerts is not None:
            alerts |= expected.alerts
        differences += [f"partition {partition}: {found}" for found in expected.differences(stored)]
    return differences


def _compare(run: Run, codes: Counter[int], predictions: int) -> Outcome:
    expected_alerts: dict[str, Alert] = {}
    differences = run.differences + state_differences(run, expected_alerts)
    told = {(a.labels["topic"], a.labels["problem"]) for a in expected_alerts.values() if "problem" in a.labels}
    differences += [f"not told: {problem}" for problem in run.expected_problems - told]
    published = published_alerts(run.config, PARTITIONS)
    by_id = {alert.id: alert for _, alert in published}
    for identity in sorted(expected_alerts.keys() ^ by_id.keys()):
        where = "missing from the topic" if identity in expected_alerts else "published and not expected"
        alert = expected_alerts.get(identity) or by_id[identity]
        differences.append(f"alert {alert.labels} {alert.status} episode {alert.episode}: {where}")
    differences += [
        f"alert {identity} differs: {expected_alerts[identity]} != {by_id[identity]}"
        for identity in expected_alerts.keys() & by_id.keys()
        if expected_alerts[identity] != by_id[identity]
    ]
    differences += _pages(run, expected_alerts.values(), run.pager.over_when_heard(published))
    if not expected_alerts:
        differences.append("the traffic raised no alert at all: the run proves nothing about alerts")
    pages = len(run.pager.service.incidents)
    return Outcome(differences, predictions, len(by_id), len(published) - len(by_id), pages, codes)


def _pages(run: Run, alerts: Iterable[Alert], over_when_heard: set[Episode]) -> list[str]:
    """What is wrong at the pager, once it has had the time to hear of everything."""
    decided = list(alerts)
    unheard = over_when_heard | run.pager.over_before_heard(decided, *run.router_down)
    give_up_at = time.monotonic() + 40
    while (wrong := run.pager.differences(decided, unheard)) and time.monotonic() < give_up_at:
        time.sleep(0.5)
    return [f"pager: {difference}" for difference in wrong]
