"""What an open batch keeps of the events that come in."""

from __future__ import annotations

import json
from typing import Any

from driftbell.runtime.config.model import Config
from driftbell.schemas.codec import decode_prediction
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Record

START_MS = 1_700_000_000_000
EVENT = {
    "prediction_id": "1",
    "model": "fraud",
    "version": "3",
    "timestamp": START_MS,
    "features": {"amount": 1.5},
    "tags": {"region": "eu"},
    "prediction": 0.25,
}


def decoded(*values: bytes | None) -> list[Any]:
    records = [Record(offset, START_MS, value, b"fraud") for offset, value in enumerate(values)]
    return Partition(0, Config())._decoder.decode(Input.PREDICTIONS, records)


def test_an_embedding_does_not_wait_in_memory_for_its_batch_to_close() -> None:
    large = {"embedding": [0.125] * 65_536, "attributions": {f"feature_{number}": 1.0 for number in range(1000)}}
    plain = json.dumps(EVENT).encode()
    bad, tombstone, first, second = decoded(b"{", None, json.dumps(EVENT | large).encode(), plain)
    assert bad.reason == "not_json"
    assert tombstone is None
    assert first == second == decode_prediction(plain)


def test_a_large_record_without_an_embedding_is_kept_whole() -> None:
    value = json.dumps(EVENT | {"features": {f"feature_{number}": number / 2 for number in range(1000)}}).encode()
    assert decoded(value) == [decode_prediction(value)]
