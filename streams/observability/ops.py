"""The worker's ops endpoints: whether it lives, whether it works, and its metrics."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from driftbell.runtime.observability.ops import Health, OpsServer, new_registry
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.runner import SavePhase
from driftbell.streams.engine.timing.standstill import STALLED_SECONDS
from driftbell.streams.engine.watermarks import BROKERS_SILENT_SECONDS
from driftbell.streams.kafka.transport import ChunkConsumer, DriftbellApp
from driftbell.streams.observability.metrics import EngineCollector

log = logging.getLogger(__name__)

#: What a save publishes in each of its phases.
_OUTPUTS = {SavePhase.DEAD_LETTERS: "dead letters", SavePhase.OUTBOX: "alerts and metrics"}

#: The main loop counts as alive when it has run within this many seconds.
ALIVE_SECONDS = 15.0


def serve_ops(app: DriftbellApp, resized: Mapping[tuple[str, str], int]) -> None:
    """Serve /healthz, /readyz and /metrics, if ``worker.http_port`` says so, from before the group is joined to the very end.

    Joining may take a whole session after a crash: who looks meanwhile finds a process that lives and says what it waits for.
    ``resized`` counts what did not fit its topic, by shape and what became of it.
    """
    worker = app.driftbell.worker
    if worker.http_port is None:
        return
    port = worker.http_port
    registry = new_registry()
    registry.register(
        EngineCollector(
            app.engine,
            lag=lambda source, done: _lag(app, source, done),
            coordinator_errors=lambda: getattr(app.consumer, "coordinator_errors", 0),
            resized=resized,
        )
    )

    async def ops() -> None:
        server = OpsServer(
            worker.http_host, port, registry=registry, health=lambda: health(app), ready=lambda: readiness(app)
        )
        async with server:
            log.info("ops endpoints on http://%s:%d", worker.http_host, server.port)
            await app.wait_until_stopped()

    app.from_the_start.append(ops)


def health(app: DriftbellApp) -> Health:
    """Whether the main loop still runs; a worker that only waits for Redis or Kafka is healthy."""
    silent = app.engine.silent_seconds
    if silent > ALIVE_SECONDS:
        return Health(False, "stalled", f"the main loop has not run for {silent:.0f} s")
    return Health(True, "ok")


def readiness(app: DriftbellApp) -> Health:
    """Whether partitions are held, their last save is recent, and no records wait without being processed."""
    engine = app.engine
    if not engine.joined:
        session = engine.config.worker.session_timeout
        return Health(
            False,
            "joining",
            "the consumer group has not assigned partitions yet; when a worker died it waits for its session to end, up to "
            f"{session:g} s (worker.session_timeout)",
        )
    if not engine.ready:
        return Health(False, "not_assigned", "the group is assigning partitions, or they are being claimed")
    if not engine.runners and not engine.set_aside:
        return Health(True, "standing_by", "there are more workers than partitions: this one waits in reserve")
    silent = engine.brokers_silent_seconds
    if silent > BROKERS_SILENT_SECONDS:
        return Health(False, "kafka_unavailable", f"no broker has answered for {silent:.0f} s")
    slow = {index: runner.save_phase for index, runner in engine.runners.items() if runner.store_is_slow}
    if slow:
        return _slow(slow)
    stalled = {
        i: runner.stalled_seconds for i, runner in engine.runners.items() if runner.stalled_seconds > STALLED_SECONDS
    }
    if stalled:
        where = "; ".join(f"partition {i}: {engine.partitions[i].describe_wait()}" for i in stalled)
        longest = max(stalled.values())
        return Health(False, "input_stalled", f"records wait, and none has been processed for {longest:.0f} s: {where}")
    if aside := engine.set_aside:
        said = "; ".join(f"partition {i} failed {f.times} times: {f.error[:500]}" for i, f in aside.items())
        if len(aside) == len(engine.runners.keys() | aside.keys()):
            return Health(False, "partition_set_aside", said)
        # The others go on: a worker is of use as long as it has one that does.
        return Health(True, "partition_set_aside", said)
    return Health(True, "ok")


def _slow(slow: Mapping[int, SavePhase]) -> Health:
    refused = [index for index, phase in slow.items() if phase is not SavePhase.STORE]
    if not refused:
        return Health(False, "store_slow", f"Redis does not take the checkpoints of partitions {list(slow)}")
    what = " and ".join(_OUTPUTS[phase] for phase in sorted({slow[index] for index in refused}))
    detail = (
        f"Kafka does not take the {what} of partitions {refused}: does a topic not exist, may we not write to it, or has "
        f"it too few replicas in sync? The log names topic and error"
    )
    return Health(False, "outputs_refused", detail)


def _lag(app: DriftbellApp, source: Source, done: int) -> int | None:
    try:
        return cast(ChunkConsumer, app.consumer).lag(app.tp(source), done)
    except Exception:  # a gauge that is missing for a scrape is better than an endpoint that fails
        return None
