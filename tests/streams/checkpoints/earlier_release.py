"""A stream with every kind of state in it, and the writing of ``data/before-rooms.msgpack.zz`` by the code of that time.

The file was written once, by commit 7514533, the last before the modules moved into rooms (issue 7). To write such a file with
the code of any commit, in a checkout of it::

    PYTHONPATH=. python path/to/earlier_release.py OUTPUT

It imports the stream processor by name, so that it runs with the module names of then and of now.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

START_MS = 1_700_000_000_000

#: The checkpoint is taken after so many seconds; the stream ends, and is silent, some time later.
SAVED_S, EVENTS_END_S, END_S = 90, 150, 170

#: Small numbers, so that every stage is reached within minutes.
SETTINGS: Mapping[str, Any] = {
    "worker": {
        "batch_events": 64,
        "safe_point_records": 500,
        # It looked at every model with every tick.
        "gather": 0.0,
        "max_subjects_per_model": 3,
        "forget_models_after": 60.0,
        "max_consecutive_dead_letters": 0,
    },
    "join": {"horizon": 40.0, "slots": 4, "max_waiting_labels": 200, "cache_predictions": 100},
    "monitoring": {
        "events_per_false_alarm": 20_000,
        "reference": {"events": 300, "labels": 200},
        "metrics_window": 10.0,
        "monitors": {
            "feature_drift": {"keep_firing_for": 20.0},
            "error_rate": {"keep_firing_for": 20.0},
            "missing": {"for": 5.0},
        },
    },
    "models": {
        "river": {"monitors": {"error_rate": {"options": {"detector": "ADWIN"}}}},
        "page_hinkley": {"monitors": {"error_rate": {"options": {"detector": "PageHinkley"}}}},
        "spread": {"shards": 2, "labels": {"team": "risk"}},
    },
}

#: Predictions a second, by model.
RATES: Mapping[str, int] = {
    "quiet": 10, "drifting": 10, "erring": 10, "river": 6, "page_hinkley": 6, "price": 8, "spread": 6, "young": 2,
    "failing": 8, "gone": 6,
}  # fmt: skip

Event = tuple[str, int, bytes]


def events() -> list[Event]:
    """(input, time in epoch ms, value) of the whole stream, in the order of time."""
    made: list[Event] = []
    for model, rate in RATES.items():
        rng = random.Random(f"earlier release {model}")
        for number in range(rate * EVENTS_END_S):
            made += _one(model, number, number / rate, rng)
    made += [
        ("predictions", _ms(20.0), b"{"),
        ("feedback", _ms(30.0), b'{"model": 3}'),
        ("predictions", _ms(100.0), b"\xff"),
    ]
    return sorted(made, key=lambda event: event[1])


def _ms(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


def _one(model: str, number: int, at: float, rng: random.Random) -> Iterator[Event]:
    """One prediction and what becomes of its label. Every model draws the same numbers, whatever it uses."""
    draw = [rng.random() for _ in range(10)]
    if model == "gone" and at > 15.0:
        return
    drifts = (model in ("drifting", "spread") and 70.0 <= at < 110.0) or (model == "quiet" and at >= 120.0)
    errs = model in ("erring", "river", "page_hinkley") and (60.0 <= at < 80.0 or at >= 115.0)
    fails = model == "failing" and (75.0 <= at < 95.0 or at >= 130.0)
    amount = round(100.0 + 40.0 * (draw[0] + draw[1] + draw[2] - 1.5) + (35.0 if drifts else 0.0), 2)
    features: dict[str, Any] = {
        "amount": amount,
        "age": int(20 + 50 * draw[3]),
        "country": ("AT", "DE", "CH", "FR")[min(3, int(5 * draw[4] ** 2))],
        "new": draw[5] < 0.2,
    }
    if drifts and draw[5] < 0.3:
        features["country"] = "XX"
    if fails and draw[6] < 0.5:
        features["age"] = None
    if fails and draw[6] > 0.97:
        features["amount"] = "n/a"
    truth = draw[7] < 0.3
    wrong = draw[8] < (0.5 if errs else 0.06)
    value: Any = round(amount * 3, 2) if model == "price" else truth != wrong
    event: dict[str, Any] = {
        "prediction_id": f"{model}-{number}",
        "model": model,
        "version": "2" if model == "erring" and at >= 40.0 and number % 2 else "1",
        "timestamp": _ms(at),
        "features": features,
        "prediction": value,
        "latency_ms": round(20 + 10 * draw[9] + (200 if fails else 0), 1),
    }
    if model == "quiet" and number % 3 == 0:
        event["variant"] = "shadow"
    if model in ("erring", "quiet"):
        event["scores"] = round(min(1.0, max(0.0, 0.6 * bool(value) + 0.4 * draw[9])), 3)
        event["tags"] = {"region": ("north", "south")[number % 2]}
    if fails and draw[6] < 0.3:
        event["error"] = "timeout"
        event["prediction"] = None
    yield "predictions", _ms(at), json.dumps(event).encode()
    label: Any = round(amount * 3 + 20 * (draw[9] - 0.5) + (80 if drifts else 0), 2) if model == "price" else truth
    answer: dict[str, Any] = {"prediction_id": f"{model}-{number}", "model": model, "label": label}
    fate = number % 20
    if fate == 3:
        return  # never labelled
    if fate == 5:
        answer["prediction_id"] = f"{model}-unknown-{number}"
    # Some labels come before their prediction, some so late that they miss the horizon.
    delay = {7: -8.0, 9: 30.0, 11: 60.0}.get(fate, 1.0 + 4.0 * draw[2])
    due = max(0.0, at + delay)
    answer["timestamp"] = _ms(due)
    yield "feedback", _ms(due), json.dumps(answer).encode()
    if fate == 13:
        yield (
            "feedback",
            _ms(due + 2.0),
            json.dumps({**answer, "label": 1.0 if model == "price" else not label}).encode(),
        )


def digest(made: Sequence[Event]) -> str:
    """The stream as a hash: a Python that draws other numbers would test something else."""
    return hashlib.sha256(msgspec.msgpack.encode(made)).hexdigest()


class Drive:
    """One partition, driven as a worker would drive it; ``module`` finds the stream processor's modules."""

    def __init__(self, stored: Any = None, pending: Any = None) -> None:
        config_class = _module("driftbell.runtime.config.model", "runtime.config").Config
        config = msgspec.convert(SETTINGS, config_class)
        self.partition = _module("driftbell.streams.partition.partition", "streams.partition").Partition(
            0, config, stored
        )
        self.pending = (
            pending or _module("driftbell.streams.checkpoints.memory", "streams.stores.memory").MemoryPending()
        )
        self._records = _module("driftbell.streams.records", "streams.records")
        self.models: dict[str, bytes] = {}
        self.waiting: dict[bytes, bytes] = {}
        self.outputs: list[tuple[str, bytes, bytes | None]] = []
        self.last: Any = None

    def feed(self, made: Sequence[Event], offsets: Mapping[str, int], until_ms: int) -> None:
        """Push all events of a time before ``until_ms`` that come after ``offsets``, and process them."""
        inputs, record = self._records.Input, self._records.Record
        advance = getattr(self.partition, "advance_watermark", None) or self.partition.prove
        for source in inputs:
            mine = [event for event in made if event[0] == source.value and event[1] < until_ms]
            skip = offsets.get(source.value, 0)
            self.partition.push(source, [record(at, mine[at][1], mine[at][2]) for at in range(skip, len(mine))])
        for source in inputs:
            advance(source, until_ms)
        self.run()

    def run(self, *, publish: bool = True) -> None:
        """Process what is certain, saving wherever it can be done."""
        partition = self.partition
        while (step := partition.next_step()) is not None:
            keys = partition.lookups(step)
            found = self.pending.lookup(partition.live_slots, keys) if keys else None
            for _ in partition.run(step, found):
                pass
            self.save(publish=publish)

    def save(self, *, publish: bool = True) -> None:
        """Take a checkpoint where the partition stands at a safe point, and publish it if wanted."""
        partition = self.partition
        if not (partition.at_safe_point and partition.changed):
            return
        self.last = taken = partition.checkpoint()
        for name, blob in taken.models.items():
            self.models.pop(name, None)
            if blob is not None:
                self.models[name] = blob
        self.waiting.update(taken.join.wait)
        for key in taken.join.unwait:
            self.waiting.pop(key, None)
        self.pending.apply(taken.join)
        partition.saved(taken)
        if publish:
            self.outputs += [(r.output.value, r.key, r.value) for r in taken.outbox]
            partition.published(taken)


def _module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"none of {names}")


def write(path: Path) -> None:
    """Write the state at ``SAVED_S`` and what the same code gives for the rest of the stream."""
    made = events()
    drive = Drive()
    drive.feed(made, {}, _ms(SAVED_S) - 1000)
    records = drive._records
    first = records.Input.PREDICTIONS
    # Records of the input's future are lost; the alert stands when the checkpoint is taken, unpublished.
    lost_at = drive.partition.offsets[first]
    drive.partition.lost_input(first, lost_at, lost_at, "retention")
    before = len(drive.outputs)
    inputs, record = records.Input, records.Record
    for source in inputs:
        mine = [event for event in made if event[0] == source.value and event[1] < _ms(SAVED_S)]
        skip = drive.partition.fetched(source)
        drive.partition.push(source, [record(at, mine[at][1], mine[at][2]) for at in range(skip, len(mine))])
        (getattr(drive.partition, "advance_watermark", None) or drive.partition.prove)(source, _ms(SAVED_S))
    drive.run(publish=False)
    taken = drive.last
    document = {
        "digest": digest(made),
        "offsets": dict(taken.offsets),
        "core": taken.core,
        "models": dict(drive.models),
        "waiting": dict(drive.waiting),
        "pending": {slot: dict(packed) for slot, packed in drive.pending.slots.items()},
        "outbox": [[r.output.value, r.key, r.value, [list(h) for h in r.headers]] for r in taken.outbox],
        "outputs": [],
    }
    del drive.outputs[before:]
    drive.partition.published(taken)
    drive.outputs += [(r.output.value, r.key, r.value) for r in taken.outbox]
    drive.feed(made, taken.offsets, _ms(END_S))
    drive.save()
    document["outputs"] = drive.outputs[before:]
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(document), 9))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
