"""A checkpoint written before the modules moved into rooms (issue 7) is read, and the stream goes on as it would have.

``data/before-rooms.msgpack.zz`` was written by commit 7514533 from the stream of ``earlier_release.py``, which also says how.
It holds ten models in all stages (learning, watching numbers and categories, alerts that fire, River's detectors, several
versions and variants, regression, a shard, one that was forgotten), waiting labels, pending predictions, lost input and an
outbox; and what that commit published for the rest of the stream.
"""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.streams.checkpoints.checkpoint import Stored
from driftbell.streams.checkpoints.memory import MemoryPending
from driftbell.streams.records import OutboxRecord, Output
from tests.streams.checkpoints.earlier_release import END_S, START_MS, Drive, digest, events

DATA = Path(__file__).parent / "data" / "before-rooms.msgpack.zz"

#: Sentences and what they are made of may be worded better; what identifies and measures an alert stays.
KEPT = ("id", "fingerprint", "status", "labels", "episode", "reason")
#: A detector's arithmetic may be corrected (empty outer bins, issue 11), which moves an alert by a batch.
MOVED_MS = 2_000


@cache
def earlier() -> dict[str, Any]:
    """What was written then."""
    return msgspec.msgpack.decode(zlib.decompress(DATA.read_bytes()), type=dict[str, Any], strict=False)


def restored() -> Drive:
    """A partition that continues from the earlier checkpoint."""
    then = earlier()
    pending = MemoryPending()
    pending.slots = {int(slot): dict(packed) for slot, packed in then["pending"].items()}
    outbox = tuple(
        OutboxRecord(Output(output), key, value, tuple((name, data) for name, data in headers))
        for output, key, value, headers in then["outbox"]
    )
    stored = Stored(then["offsets"], then["core"], 1, then["models"], then["waiting"], outbox)
    return Drive(stored, pending)


@pytest.fixture(scope="module")
def continued() -> list[tuple[str, bytes, bytes | None]]:
    """What this code publishes for the rest of the stream."""
    made = events()
    assert digest(made) == earlier()["digest"], "this Python draws another stream than the one the checkpoint is of"
    drive = restored()
    drive.feed(made, earlier()["offsets"], START_MS + END_S * 1000)
    drive.save()
    return drive.outputs


def of(outputs: Any, output: Output) -> Iterator[dict[str, Any]]:
    """The values published to one output."""
    return (json.loads(value) for name, _, value in outputs if name == output.value and value is not None)


def by_id(outputs: Any) -> list[dict[str, Any]]:
    """The alerts, in an order that does not depend on when they came."""
    return sorted(of(outputs, Output.ALERTS), key=lambda alert: str(alert["id"]))


def times(alert: dict[str, Any]) -> list[int]:
    """When it started, ended and was updated, epoch milliseconds."""
    return [
        round(1000 * datetime.fromisoformat(alert[name]).timestamp())
        for name in ("startsAt", "endsAt", "updatedAt")
        if alert.get(name)
    ]


def test_every_model_and_alert_of_the_earlier_checkpoint_is_there() -> None:
    partition = restored().partition

    assert set(partition.models) == set(earlier()["models"])
    assert partition.waiting_labels == len(earlier()["waiting"]) > 0
    firing = Counter(alert.labels["alertname"] for alert in partition.active_alerts())
    assert firing["FeatureDrift"] == 4
    assert firing["InputLost"] == 1
    assert partition.has_outbox, "what was not published yet is published by the next save"


def test_no_monitor_starts_from_the_beginning(caplog: pytest.LogCaptureFixture) -> None:
    restored()

    assert caplog.messages == []


@pytest.mark.slow
def test_the_same_alerts_follow(continued: list[Any]) -> None:
    def kept(outputs: Any) -> list[dict[str, Any]]:
        return [{name: alert.get(name) for name in KEPT} for alert in by_id(outputs)]

    found, wanted = kept(continued), kept(earlier()["outputs"])
    assert len(wanted) > 20
    assert found == wanted
    moved = 0
    for now, then in zip(by_id(continued), by_id(earlier()["outputs"]), strict=True):
        assert times(now) == pytest.approx(times(then), abs=MOVED_MS)
        moved += times(now) != times(then)
    assert moved <= 1


def same(now: Any, then: Any) -> bool:
    """Whether two values say the same. numpy's logarithms differ in the last digit between kinds of processors."""
    if isinstance(now, dict) and isinstance(then, dict):
        return now.keys() == then.keys() and all(same(now[name], then[name]) for name in then)
    if isinstance(now, float) and isinstance(then, float):
        return now == then or math.isclose(now, then, rel_tol=1e-13)
    return bool(now == then)


def test_the_evidence_of_the_alerts_is_the_same_to_thirteen_digits(continued: list[Any]) -> None:
    measured = ("value", "baseline", "threshold", "windowEvents", "windowStart", "changePoint", "metric", "detector")
    # The PSI of a shift that was found in a small batch is of the events since the shift now, not of those before it.
    pairs = list(zip(by_id(continued), by_id(earlier()["outputs"]), strict=True))
    steady = [(now["evidence"], then["evidence"]) for now, then in pairs if times(now) == times(then)]

    assert len(steady) >= len(pairs) - 1
    for now, then in steady:
        different = [name for name in measured if not same(now.get(name), then.get(name))]
        assert different == [] or (now["metric"] == "psi" and set(different) <= {"value", "threshold", "windowEvents"})


def test_the_same_metrics_follow(continued: list[Any]) -> None:
    """Fields may be added; none is lost, and none says another thing. Between models there is no order."""

    def by_model(outputs: Any) -> list[Any]:
        return sorted(of(outputs, Output.METRICS), key=lambda metric: str(metric["model"]))

    found, wanted = by_model(continued), by_model(earlier()["outputs"])

    assert len(found) == len(wanted) > 300
    for now, then in zip(found, wanted, strict=True):
        assert [(name, now.get(name), then[name]) for name in then if not same(now.get(name), then[name])] == []


def test_the_same_alerts_are_active_in_the_end(continued: list[Any]) -> None:
    def active(outputs: Any) -> set[bytes]:
        last = {key: value for name, key, value in outputs if name == Output.ALERTS_ACTIVE.value}
        return {key for key, value in last.items() if value is not None}

    assert active(continued) == active(earlier()["outputs"]) != set()
