"""What the benches read of processes and services: memory, CPU, exported metrics, offsets."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import consumer_settings
from driftbell.streams.records import Input
from tests.services import RedisServer

MB = 1_000_000

_TICKS = os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int | str = "self", field: str = "VmRSS") -> int:
    """Resident memory of a process now, or its peak (``VmHWM``)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no {field} in /proc/{pid}/status")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def exported(port: int) -> dict[str, float]:
    """What a worker exports: per sample name the sum over its labels, and the largest under ``max:<name>``."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
            largest = f"max:{sample.name}"
            found[largest] = max(found.get(largest, sample.value), sample.value)
    return found


class Progress:
    """How far a group has come: the checkpoints' offsets beside the ends that the broker tells."""

    def __init__(self, config: Config, redis: RedisServer) -> None:
        self._consumer = Consumer(consumer_settings(config.kafka, "bench-progress") | {"log_level": 0})
        self._redis = redis.client()
        self._topics = config.topics
        self._group = config.worker.group

    def saved(self) -> Mapping[Input, int]:
        """Records that the saved checkpoints count."""
        offsets = dict.fromkeys(Input, 0)
        for partition in range(self._topics.partitions):
            key = f"driftbell:{{{self._group}:{partition}}}"
            for stream in Input:
                offsets[stream] += int(self._redis.hget(key, f"off:{stream.value}") or 0)
        return offsets

    def ends(self) -> Mapping[Input, int]:
        """Records in the inputs."""
        names = {Input.PREDICTIONS: self._topics.predictions, Input.FEEDBACK: self._topics.feedback}
        return {
            stream: sum(
                self._consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)[1]
                for partition in range(self._topics.partitions)
            )
            for stream, name in names.items()
        }

    def lag(self) -> int:
        """Records that no saved checkpoint counts yet; asked in this order it is never too small."""
        saved = sum(self.saved().values())
        return sum(self.ends().values()) - saved

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
        self._redis.close()
