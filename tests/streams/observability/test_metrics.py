"""The worker's metrics, on an engine with a Kafka in memory: right, complete from the start, and few."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from driftbell.runtime.config.model import Config, Worker
from driftbell.schemas import DeadLetterReason
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.engine import runner
from driftbell.streams.join import JoinOutcome
from driftbell.streams.kafka.transport import DriftbellApp
from driftbell.streams.observability import ops
from driftbell.streams.records import Input, OutboxRecord, Output, Record
from tests.services.missing import missing
from tests.services.ports import claim_port
from tests.services.waiting import eventually
from tests.streams.engine.fakes import FEEDBACK, PREDICTIONS, label, prediction
from tests.streams.observability.watched import START_MS, Watched


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    made.store.open.set()
    await made.engine.stop()
    assert made.failures == []


def test_promtool_has_nothing_against_the_names(watched: Watched) -> None:
    promtool = shutil.which("promtool") or missing("promtool", "apt-get install prometheus")
    verdict = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(watched.registry), capture_output=True, check=False
    )

    assert (verdict.returncode, verdict.stderr + verdict.stdout) == (0, b"")


async def test_every_label_value_is_there_before_anything_happens(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)

    # Else `increase()` would miss the first of each kind.
    for reason in DeadLetterReason:
        assert watched.value("dead_letters_total", reason=reason.value) == 0
    for outcome in JoinOutcome:
        assert watched.value("join_total", outcome=outcome.value) == 0
    for stream in Input:
        assert watched.value("events_total", input=stream.value) == 0
        for why in Loss:
            assert watched.value("lost_input_total", input=stream.value, reason=why.value) == 0
    for name in ("fenced_saves", "rolled_back_stores", "coordinator_errors", "watermarks_forced", "tombstones"):
        assert watched.value(f"{name}_total") == 0
    assert watched.value("alert_delay_seconds_count") == 0


@pytest.mark.slow
async def test_what_happens_is_counted(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    good = [prediction(i, START_MS + i) for i in range(20)]
    watched.deliver(*good, Record(20, START_MS + 30, b"{"), Record(21, START_MS + 31, None))
    labels = [label(0, START_MS + 500, of=3), label(1, START_MS + 501, of=3), label(2, START_MS + 502, of=999)]
    watched.deliver(*labels, stream=Input.FEEDBACK)
    await watched.committed(22)
    await watched.committed(3, Input.FEEDBACK)
    watched.coordinator_errors = 7

    assert watched.value("events_total", input="predictions") == 20
    assert watched.value("events_total", input="feedback") == 3
    assert watched.value("dead_letters_total", reason="not_json") == 1
    assert watched.value("tombstones_total") == 1
    outcomes = {outcome: watched.value("join_total", outcome=outcome) for outcome in ("joined", "duplicate", "waiting")}
    assert outcomes == {"joined": 1, "duplicate": 1, "waiting": 1}
    assert watched.value("models", partition="0") == 1
    assert watched.value("waiting_labels", partition="0") == 1
    assert watched.value("rebalances_total") == 1
    assert watched.value("coordinator_errors_total") == 7
    saves = watched.engine.runners[0].saves
    assert saves > 0
    assert watched.value("checkpoint_duration_seconds_count") == saves
    assert watched.value("checkpoint_duration_seconds_bucket", le="+Inf") == saves


@pytest.mark.slow
async def test_lag_is_what_lies_between_the_processed_and_the_end(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    watched.deliver(*[prediction(i, START_MS + i) for i in range(20)])
    await watched.committed(20)
    watched.broker.ends[PREDICTIONS] = 120

    assert watched.value("consumer_lag_records", topic="predictions", partition="0") == 100
    assert watched.value("consumer_lag_records", topic="feedback", partition="0") is None, "no end is known"
    watched.broker.answers = False
    watched.engine.deliver(FEEDBACK, [label(0, START_MS + 10**6, of=0)])
    assert watched.value("buffered_records", topic="feedback", partition="0") == 1


@pytest.mark.slow
async def test_the_delay_of_an_alert_is_from_its_decision_to_the_acknowledgement(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    watched.deliver(*[prediction(i, START_MS + i) for i in range(5)])
    await watched.committed(5)
    assert watched.value("alert_delay_seconds_count") == 0, "metrics alone have no delay"

    partition = watched.engine.partitions[0]
    decided_ms = partition.stream_ms
    watched.clock.now_ms = decided_ms + 42_000
    watched.broker.answers = False
    partition._outbox += [
        OutboxRecord(Output.ALERTS, b"f", b"{}"),
        OutboxRecord(Output.ALERTS_ACTIVE, b"f", b"{}"),
        OutboxRecord(Output.ALERTS, b"g", b"{}"),
    ]
    partition._changed = True
    await eventually(lambda: watched.value("alert_delay_seconds_count") == 2, "the delay of two alerts")

    assert watched.value("alert_delay_seconds_sum") == 84.0
    assert watched.value("alert_delay_seconds_bucket", le="30.0") == 0
    assert watched.value("alert_delay_seconds_bucket", le="60.0") == 2


@pytest.mark.slow
async def test_no_counter_falls_while_a_partition_is_let_go(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    watched.deliver(*[prediction(i, START_MS + i) for i in range(20)], Record(20, START_MS + 30, b"{"))
    await watched.committed(21)
    watched.store.open.clear()
    watched.store.waiting.clear()
    watched.deliver(*[prediction(i, START_MS + 20_000 + i) for i in range(21, 30)])
    watched.clock.now_ms += 60_000
    await watched.store.waiting.wait()
    before = {name: value for name, value in watched.series().items() if "_total" in name or "_seconds_" in name}

    letting_go = asyncio.create_task(watched.engine.revoked())
    await eventually(lambda: not watched.engine.partitions, "the revocation")
    during = watched.series()
    watched.store.open.set()
    await letting_go
    after = watched.series()

    assert not letting_go.cancelled()
    assert {name: (value, during[name]) for name, value in before.items() if during[name] < value} == {}
    assert {name: (value, after[name]) for name, value in during.items() if after.get(name, value) < value} == {}
    assert watched.value("events_total", input="predictions") == 29
    assert watched.value("dead_letters_total", reason="not_json") == 1


async def test_an_idle_partition_does_not_look_as_if_it_could_not_save(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TOUCH_SECONDS", 0.1)
    await watched.engine.assigned([0], 1)
    claimed_at = watched.clock.monotonic()

    def renewed() -> bool:
        return watched.clock.monotonic() - claimed_at > 0.5 and watched.engine.checkpoint_age(0) < 0.4

    await eventually(renewed, "a young age though nothing was ever saved")
    assert watched.engine.runners[0].saves == 0


@pytest.mark.slow
async def test_lost_input_is_counted_by_reason(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    watched.deliver(*[prediction(i, START_MS + i) for i in range(20)])
    await watched.committed(20)
    await watched.engine.revoked()
    watched.broker.firsts[PREDICTIONS], watched.broker.ends[PREDICTIONS] = 50, 60
    await watched.engine.assigned([0], 2)

    assert watched.value("lost_input_total", input="predictions", reason="retention") == 1
    assert watched.value("lost_input_total", input="predictions", reason="topic_recreated") == 0


@pytest.mark.slow
async def test_the_number_of_series_does_not_depend_on_the_number_of_models(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    watched.deliver(prediction(0, START_MS, model="one"))
    await watched.committed(1)
    with_one = watched.series().keys()
    watched.deliver(*[prediction(i, START_MS + i, model=f"model-{i}") for i in range(1, 101)])
    await watched.committed(101)

    assert watched.value("models", partition="0") == 101
    assert watched.series().keys() == with_one


async def test_a_block_of_the_event_loop_is_seen(watched: Watched) -> None:
    await watched.engine.assigned([0], 1)
    await eventually(lambda: watched.value("event_loop_blocked_seconds_count"), "the first look")
    _block(0.3)
    await eventually(lambda: (watched.value("event_loop_blocked_seconds_max") or 0) > 0.2, "the block")

    blocked = watched.value("event_loop_blocked_seconds_count") or 0
    short = watched.value("event_loop_blocked_seconds_bucket", le="0.1") or 0
    assert blocked - short >= 1


def _block(seconds: float) -> None:
    """Keep the event loop from running, as a long computation would."""
    time.sleep(seconds)


async def test_a_worker_reports_its_process_its_version_and_its_readiness(watched: Watched) -> None:
    port = claim_port()
    stop = asyncio.Event()
    tasks: list[Any] = []
    app = SimpleNamespace(
        driftbell=Config(worker=Worker(http_port=port)),
        engine=watched.engine,
        consumer=SimpleNamespace(coordinator_errors=3),
        from_the_start=tasks,
        wait_until_stopped=stop.wait,
    )
    ops.serve_ops(cast(DriftbellApp, app), {("alert", "cut"): 2})
    serving = asyncio.create_task(tasks[0]())
    found: dict[str, Any] = {}
    resized: dict[tuple[str, str], float] = {}

    async def scrape() -> bool:
        try:
            async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/metrics") as answer:
                families = parse_text(await answer.text())
        except aiohttp.ClientConnectionError:
            return False
        for sample in [sample for family in families for sample in family.samples]:
            found[sample.name] = sample
            if sample.name == "driftbell_outputs_resized_total" and sample.labels["kind"] == "alert":
                resized["alert", sample.labels["outcome"]] = sample.value
        return True

    await eventually(scrape, "the metrics")
    assert found["process_resident_memory_bytes"].value > 1_000_000
    assert "version" in found["driftbell_build_info"].labels
    assert found["driftbell_coordinator_errors_total"].value == 3
    assert resized == {("alert", "cut"): 2, ("alert", "left_out"): 0}
    assert (found["driftbell_ready"].labels, found["driftbell_ready"].value) == ({"reason": "joining"}, 0)
    await watched.engine.assigned([0], 1)
    await scrape()
    assert (found["driftbell_ready"].labels, found["driftbell_ready"].value) == ({"reason": "ok"}, 1)
    stop.set()
    await serving
