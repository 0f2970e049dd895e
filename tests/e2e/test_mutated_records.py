"""Nothing that a record contains stops a worker: 10,000 damaged records, keys and headers through a real broker."""

from __future__ import annotations

import asyncio
import json
import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from driftbell.streams.records import Input
from tests.e2e.rig import Rig, metrics
from tests.pipeline.oracle import read_topic
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]

RECORDS = 10_000
BATCH = 500
MINUTE_MS = 60_000


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    """One partition whose records carry their producers' clocks."""
    made = Rig.make(kafka, redis_url, tmp_path, partitions=1, max_consecutive_dead_letters=0)
    topics = kafka.create_all(partitions=1, inputs={"message.timestamp.type": "CreateTime"})
    worker = msgspec.structs.replace(made.config.worker, group=f"mutated-{topics.predictions}")
    made.config = msgspec.structs.replace(made.config, topics=topics, worker=worker)
    yield made
    made.end()


def mutated(data: bytes, draw: random.Random) -> bytes:
    """``data`` with up to eight bytes changed, left out or put in."""
    changed = bytearray(data)
    for _ in range(draw.randrange(1, 9)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(3):
            case 0 if at < len(changed):
                changed[at] = draw.randrange(256)
            case 1:
                changed.insert(at, draw.randrange(256))
            case _:
                del changed[at : at + draw.randrange(1, 4)]
    return bytes(changed)


def good(source: Input, number: int, now_ms: int) -> bytes:
    """A valid event."""
    about = {"prediction_id": str(number), "model": f"model-{number % 4}", "timestamp": now_ms}
    if source is Input.FEEDBACK:
        return json.dumps(about | {"label": number % 3 == 0, "weight": 1.5, "tags": {"a": "b"}}).encode()
    features = {"amount": number % 17 + 0.5, "country": "DE", "mobile": True}
    return json.dumps(about | {"version": "1", "features": features, "prediction": 0.25, "latency_ms": 3.5}).encode()


class MutatedBatch(BatchBuilder):  # type: ignore[misc]
    """A batch in which header names are other bytes than its producer's library would write; its checksum is right."""

    names: dict[bytes, bytes]

    def _build(self) -> bytes:
        data = bytes(super()._build())
        for placeholder, name in self.names.items():
            data = data.replace(placeholder, name, 1)
        self._buffer = data[:17] + struct.pack(">I", calc_crc32c(data[21:])) + data[21:]
        return bytes(self._buffer)


def fill(batch: MutatedBatch, source: Input, first: int, draw: random.Random) -> None:
    """Add ``BATCH`` damaged records."""
    batch.names = {}
    for number in range(first, first + BATCH):
        now_ms = int(time.time() * 1000)
        placeholder = f"name-{number:05}".encode()
        batch.names[placeholder] = draw.randbytes(len(placeholder)) if draw.random() < 0.5 else b"content-type"[:10]
        names = ["ce_specversion", "content-type", "traceparent", placeholder.decode()]
        values = [b"application/cloudevents+json", b"1.0", None, draw.randbytes(draw.randrange(60))]
        value = good(source, number, now_ms)
        kind = draw.random()
        stamp = now_ms + draw.choice([0, 0, 0, 0, 50 * MINUTE_MS, -(10**9)])
        appended = batch.append(
            timestamp=stamp,
            key=draw.choice([None, b"", b"model-1", mutated(b"model-1", draw)]),
            value=value if kind < 0.3 else None if kind < 0.32 else mutated(value, draw),
            headers=[(placeholder.decode(), draw.choice(values)), (draw.choice(names), draw.choice(values))],
        )
        assert appended is not None, "the batch is large enough"


async def publish(rig: Rig, draw: random.Random) -> dict[Input, int]:
    """10,000 damaged records, half of them predictions; returns how many went where."""
    sent = dict.fromkeys(Input, 0)
    producer = AIOKafkaProducer(
        bootstrap_servers=rig.kafka.bootstrap, max_batch_size=1_000_000, max_request_size=2_000_000
    )
    async with producer:
        for number in range(0, RECORDS, BATCH):
            source = Input.PREDICTIONS if number // BATCH % 2 == 0 else Input.FEEDBACK
            batch = MutatedBatch(1_000_000, 0, is_transactional=False, key_serializer=None, value_serializer=None)
            fill(batch, source, number, draw)
            await (await producer.send_batch(batch, source.topic(rig.config.topics), partition=0))
            sent[source] += BATCH
    return sent


def tailed(rig: Rig, count: int) -> int:
    """How many records ``driftbell events tail`` shows, in a process of its own: a bad name may kill it."""
    topics = rig.config.topics
    settings = {"kafka": dict(rig.config.kafka), "topics": {s.value: s.topic(topics) for s in Input}}
    file = rig.folder / "tail.yaml"
    file.write_text(json.dumps(settings))
    shown = subprocess.run(
        [sys.executable, "-m", "driftbell", "events", "tail", "-c", str(file), "--since", "beginning", "--json"]
        + [f"--topic={source.value}" for source in Input]
        + [f"--limit={count}"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return len(shown.stdout.splitlines())


def test_10_000_damaged_records_keys_and_headers_stop_no_worker(rig: Rig) -> None:
    sent = asyncio.run(publish(rig, random.Random(8)))

    def read() -> bool:
        return rig.offsets() == {source.value: count for source, count in sent.items()}

    with rig.worker() as worker:
        wait_until(read, "all is read", timeout=60, pause=0.2)
        assert worker.get("/readyz") == 200
        seen = metrics(worker)
    assert worker.exit_code(5) == 0, "the worker that read them all is the one that was started, and ends well"
    with rig.worker() as again:
        assert again.get("/readyz") == 200
    assert tailed(rig, sum(sent.values())) == sum(sent.values()), "people can read them, too"
    (stored,) = rig.stored().values()
    counts = stored.core["counts"]
    letters = {name: count for name, count in counts.items() if name.startswith("dead_letters_")}

    assert counts["predictions"] + counts["labels"] + counts["tombstones"] + sum(letters.values()) == RECORDS
    assert counts["predictions"] > 1000
    assert sum(seen[f'driftbell_timestamps_ahead_total{{input="{source.value}"}}'] for source in Input) > 1000
    topics = [source.topic(rig.config.topics) + rig.config.topics.dead_letter_suffix for source in Input]
    places = {
        (topic, dict(letter.headers)["dlq.offset"]) for topic in topics for letter in read_topic(rig.config, topic, 1)
    }
    assert len(places) == sum(letters.values()), "each is in the dead letters, once by its place"
