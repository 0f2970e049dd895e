"""The whole pipeline under test: seeded traffic, worker processes, and an oracle that recomputes from the topics."""

from __future__ import annotations

from tests.pipeline.oracle import Expected, expected_of, stored_of
from tests.pipeline.producer import LiveProducer
from tests.pipeline.traffic import Event, Traffic
from tests.pipeline.worker_process import RouterProcess, WorkerProcess

__all__ = [
    "Event",
    "Expected",
    "LiveProducer",
    "RouterProcess",
    "Traffic",
    "WorkerProcess",
    "expected_of",
    "stored_of",
]
