"""A small pipeline to do things to: topics of its own, predictions on demand, workers that come and go."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Producer

from driftbell.runtime.config.model import Config, Join, Monitoring, Reference, Topics, Worker
from driftbell.runtime.config.model import Redis as RedisSettings
from driftbell.runtime.kafka import producer_settings
from driftbell.schemas import Alert
from tests.pipeline import Expected, WorkerProcess, expected_of, stored_of
from tests.pipeline.oracle import published_alerts
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

PARTITIONS = 4


@dataclass
class Rig:
    """Everything of one test; ``published`` counts predictions by partition-independent number."""

    kafka: KafkaCluster
    config: Config
    folder: Path
    published: int = 0
    workers: list[WorkerProcess] = field(default_factory=list)

    @classmethod
    def make(
        cls, kafka: KafkaCluster, redis: str, folder: Path, *, partitions: int = PARTITIONS, **worker: object
    ) -> Rig:
        """Fresh topics and a group of its own."""
        # As `driftbell topics create` does it: on a busy machine a producer may be late by more than the clock margin.
        topics: Topics = kafka.create_all(partitions=partitions, inputs={"message.timestamp.type": "LogAppendTime"})
        settings = {"group": f"rig-{topics.predictions}", "session_timeout": 6.0, **worker}
        config = Config(
            kafka=dict(kafka.settings),
            redis=RedisSettings(url=redis),
            topics=topics,
            worker=Worker(**settings),  # type: ignore[arg-type]
            join=Join(horizon=3600),
            monitoring=Monitoring(reference=Reference(events=500, labels=500)),
        )
        return cls(kafka, config, folder)

    def publish(self, count: int, *, models: int = 8) -> None:
        """Publish predictions and their labels now, over ``models`` models."""
        producer = Producer(producer_settings(self.config.kafka) | {"log_level": 0})
        topics = self.config.topics
        for number in range(self.published, self.published + count):
            model, now_ms = f"model-{number % models}", int(time.time() * 1000)
            body = (
                f'{{"prediction_id":"{number}","model":"{model}","version":"1","timestamp":{now_ms},'
                f'"features":{{"amount":{number % 17}.5}},"prediction":{str(number % 3 == 0).lower()}}}'
            )
            label = f'{{"prediction_id":"{number}","model":"{model}","label":true,"timestamp":{now_ms}}}'
            producer.produce(topics.predictions, body.encode(), model)
            producer.produce(topics.feedback, label.encode(), model)
            if number % 500 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0
        self.published += count

    @contextmanager
    def worker(self, **changes: object) -> Iterator[WorkerProcess]:
        """A worker that is ready, and drained at the end."""
        process = self.start_worker(**changes)
        process.wait_until_it_answers()
        yield process
        process.stop()

    def start_worker(self, **changes: object) -> WorkerProcess:
        """A worker that may not be ready yet."""
        import msgspec

        worker = msgspec.structs.replace(self.config.worker, **changes)
        config = msgspec.structs.replace(self.config, worker=worker)
        process = WorkerProcess(self.folder / f"worker-{len(self.workers)}", config)
        self.workers.append(process)
        process.launch()
        return process

    def wait_until_read(self) -> None:
        """Until the checkpoints count every published prediction and label."""

        def read() -> bool:
            done = self.offsets()
            return done["predictions"] >= self.published and done["feedback"] >= self.published

        wait_until(read, f"{self.published} predictions and labels are read", timeout=60, pause=0.2)

    def offsets(self) -> dict[str, int]:
        """The checkpoints' offsets, summed over the partitions, by input."""
        import redis

        with redis.Redis.from_url(self.config.redis.url) as client:
            keys = [f"driftbell:{{{self.config.worker.group}:{p}}}" for p in range(self.config.topics.partitions)]
            return {
                name: sum(int(client.hget(key, f"off:{name}") or 0) for key in keys)
                for name in ("predictions", "feedback")
            }

    def stored(self) -> dict[int, Expected]:
        """What Redis holds, by partition; takes the partitions from whoever has them."""
        return {
            p: found for p in range(self.config.topics.partitions) if (found := stored_of(self.config, p)) is not None
        }

    def counted(self) -> int:
        """Predictions that the state counts."""
        return sum(stored.core["counts"]["predictions"] for stored in self.stored().values())

    def assert_exact(self) -> None:
        """Assert that the state equals the recomputation from the topics."""
        for partition, stored in self.stored().items():
            differences = expected_of(self.config, partition, stored).differences(stored)
            assert not differences, f"partition {partition}: {differences}"

    def alerts(self) -> list[Alert]:
        """The alert records published so far."""
        return [alert for _, alert in published_alerts(self.config, self.config.topics.partitions)]

    def end(self) -> None:
        """Leave no worker behind."""
        for worker in self.workers:
            if worker.running:
                worker.kill()


def metrics(worker: WorkerProcess) -> dict[str, float]:
    """The samples of a worker's /metrics, by name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for line in lines if not line.startswith("#") for name, _, value in [line.rpartition(" ")]
    }
