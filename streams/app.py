"""The Faust app: ``faust -A driftbell.streams.app worker``, or ``driftbell worker``, which runs the same.

Faust's users find what they expect: one agent over both input topics, Faust's settings, Faust's life cycle. The configuration
is that of ``DRIFTBELL_CONFIG`` or ``driftbell.yaml`` (see docs/configuration.md).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterable
from functools import partial
from typing import Any, cast

import faust
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import faust_broker
from driftbell.runtime.redis import connect, is_memory
from driftbell.streams.checkpoints.checkpoint import CheckpointStore
from driftbell.streams.checkpoints.memory import MemoryCheckpointStore
from driftbell.streams.checkpoints.redis import RedisCheckpointStore
from driftbell.streams.engine.engine import Engine
from driftbell.streams.engine.timing.clock import SystemClock
from driftbell.streams.errors import RefusedError
from driftbell.streams.kafka import preflight as startup
from driftbell.streams.kafka.broker import KafkaBroker
from driftbell.streams.kafka.draining import DriftbellWorker
from driftbell.streams.kafka.joining import report_joining
from driftbell.streams.kafka.transport import ChunkConsumer, DriftbellApp
from driftbell.streams.observability.ops import serve_ops
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

#: Records handed out by one poll over all partitions.
POLL_RECORDS = 8192

#: Bytes fetched per partition and request.
FETCH_BYTES = 2 * 1024 * 1024

#: Largest record we produce: a dead letter may be as large as the largest record a topic takes.
PRODUCE_BYTES = 32 * 1024 * 1024

#: Chunks buffered per agent before Faust pauses a partition. Counts chunks, not events.
BUFFERED_CHUNKS = 64


def create_app(config: Config) -> DriftbellApp:
    """The Faust app of one worker process, with its engine.

    Raises:
        ValueError: the Kafka or Redis settings cannot be used; the message names the fix.
    """
    brokers, _ = faust_broker(config.kafka)
    worker = config.worker
    clock = SystemClock()
    app = DriftbellApp(
        worker.group,
        broker=brokers,
        broker_client_id=f"driftbell-{worker.instance_id or socket.gethostname()}",
        store="memory://",
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_CHUNKS,
        broker_commit_interval=1.0,
        broker_max_poll_records=POLL_RECORDS,
        broker_session_timeout=worker.session_timeout,
        broker_heartbeat_interval=max(0.5, worker.session_timeout / 10),
        broker_rebalance_timeout=max(60.0, 2 * worker.session_timeout),
        broker_request_timeout=max(90.0, worker.session_timeout),
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=PRODUCE_BYTES,
        producer_linger=0.005,
        agent_supervisor=CrashingSupervisor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=1,
        web_enabled=False,
        worker_redirect_stdouts=False,
        Worker=DriftbellWorker,
    )
    app.driftbell = config
    owner = f"{worker.instance_id or socket.gethostname()}/{os.getpid()}"
    broker = KafkaBroker(app)
    app.engine = Engine(
        config,
        _store(config, clock),
        broker,
        owner=owner,
        clock=clock,
        on_failure=lambda error: _fail(app, error),
        input_partitions=lambda: app.partitions_at_start,
    )
    _wire(app)
    serve_ops(app, broker.resized)
    app.from_the_start.append(partial(report_joining, app.engine))
    return app


def _store(config: Config, clock: SystemClock) -> CheckpointStore:
    if is_memory(config.redis):
        log.warning("redis.url is memory://: the state is lost when this process ends")
        return MemoryCheckpointStore(clock.monotonic)
    return RedisCheckpointStore(connect(config.redis), config.worker.group)


def _wire(app: DriftbellApp) -> None:
    topics = app.driftbell.topics

    # acks=False: Faust's own bookkeeping would commit and re-read by its rules, not by the checkpoint's.
    inputs = app.topic(
        *(stream.topic(topics) for stream in Input),
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
        allow_empty=True,
        internal=False,
    )

    def consumer() -> ChunkConsumer:
        return cast(ChunkConsumer, app.consumer)

    @app.agent(inputs, name="driftbell.consume", concurrency=1)
    async def consume(stream: Any) -> None:
        """Pass chunks on to the engine."""
        async for event in stream.events():
            message = event.message
            consumer().deliver(message.tp, message.value)

    async def claim(assigned: Iterable[TP]) -> None:
        numbers: dict[Input, set[int]] = {stream: set() for stream in Input}
        for tp in assigned:
            stream, partition = app.source(tp)
            numbers[stream].add(partition)
        merged = [(stream, numbers[stream]) for stream in Input if stream.spec.merged]
        if any(mine != merged[0][1] for _, mine in merged):
            shares = " and ".join(f"{stream.topic(topics)} {sorted(mine)}" for stream, mine in merged)
            raise RefusedError(
                f"{shares} were not assigned together: the topics need the same number of partitions and all workers the "
                f"same settings"
            )
        startup.refuse_added(app.driftbell, app.partitions_at_start, merged[0][1])
        await app.engine.assigned(merged[0][1], app.consumer_generation_id)

    async def on_partitions_assigned(_app: Any, /, *given: Iterable[TP], **_: Any) -> None:
        await claim(given[0])

    async def on_rebalance_complete(_app: Any, /, *_given: Any, **_: Any) -> None:
        # Faust seeks and resumes after this signal, and does not wait for the one above: claiming again waits for the claim.
        await claim(consumer().assignment())

    async def on_partitions_revoked(_app: Any, /, *_given: Any, **_: Any) -> None:
        await app.engine.revoked()
        await consumer().commits.commit()

    async def on_before_shutdown(_app: Any, /, *_given: Any, **_: Any) -> None:
        # The producer and the consumer's thread still run here, so the last save can be published and shown.
        await app.engine.stop()
        await consumer().commits.commit()

    app.on_partitions_assigned.connect(on_partitions_assigned, weak=False)
    app.on_rebalance_complete.connect(on_rebalance_complete, weak=False)
    app.on_partitions_revoked.connect(on_partitions_revoked, weak=False)
    app.on_before_shutdown.connect(on_before_shutdown, weak=False)


def _fail(app: DriftbellApp, error: BaseException) -> None:
    log.error("%s", error) if isinstance(error, RefusedError) else log.error("the worker must stop", exc_info=error)
    # Kept, as the event loop itself holds its tasks only weakly.
    app.failing = asyncio.ensure_future(app.crash(error))


def __getattr__(name: str) -> Any:
    """``driftbell.streams.app:app``, built on first use so that importing this module reads no configuration."""
    if name == "app":
        from driftbell.runtime.config.loader import load

        config = load()
        globals()["app"] = app = create_app(config)
        app.check = partial(startup.check, config)
        return app
    raise AttributeError(name)


__all__ = ["create_app", "faust"]
