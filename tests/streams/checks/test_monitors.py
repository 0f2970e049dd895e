"""What every monitor promises, checked over the registry: a new monitor is covered as soon as it is listed there."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest

from driftbell.schemas import Prediction
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind, PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.base import BaseMonitor
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY
from driftbell.streams.monitors.watch import ModelWatch, Watch
from driftbell.streams.versioned import Versioned
from tests.streams.stories import SUBJECT, settings

#: Options by name, for a monitor that says nothing without. What breaks for it is broken in ``batches``.
EXAMPLES: dict[str, dict[str, Any]] = {}
EVERY = {**REGISTRY, **MODEL_REGISTRY}
ALL = pytest.mark.parametrize("name", EVERY)
STEP_MS = 60_000
#: When it is asked what is wrong, after each batch: silence is too long by then.
LATER_MS = 10 * STEP_MS


def watch(name: str) -> Watch | ModelWatch:
    """What watches with one monitor alone."""
    chosen = settings({name: EXAMPLES.get(name, {})}, only=[name], events=400, labels=300, events_per_false_alarm=1000)
    return ModelWatch(SUBJECT, chosen) if name in MODEL_REGISTRY else Watch(SUBJECT, chosen)


def batches(seed: int = 1, size: int = 64, steps: int = 40) -> list[tuple[PredictionBatch, JoinedBatch]]:
    """A stream that is quiet first and then breaks in every way at once, for each monitor there is."""
    rng = random.Random(seed)
    made = []
    for at in range(steps):
        now_ms = at * STEP_MS
        broken = at >= steps // 2
        events = [
            Prediction(
                prediction_id=str(index),
                model=SUBJECT.model,
                # A version a batch: none stays long enough to learn its reference.
                version=f"{seed}.{at}" if broken else SUBJECT.version,
                timestamp=0,
                features={
                    "amount": (None if rng.random() < 0.5 else 1e6) if broken else rng.lognormvariate(3, 1),
                    "age": "1" if broken else rng.randrange(18, 90),
                    "country": "XX" if broken else rng.choice(("DE", "FR", "PL")),
                },
                prediction=None if broken and index % 3 == 0 else rng.random() < (0.9 if broken else 0.1),
                latency_ms=900.0 if broken else rng.lognormvariate(3, 0.5),
                error="timeout" if broken and index % 3 == 0 else None,
                tags={"region": "eu" if index % 2 else "us"},
            )
            for index in range(size)
        ]
        labels = [
            JoinedEvent(JoinKind.JOINED, "yes", None, "no" if rng.random() < (0.6 if broken else 0.1) else "yes", 1.0,
                        now_ms, now_ms, {"region": "eu" if index % 2 else "us"})
            for index in range(size)
        ]  # fmt: skip
        made.append((PredictionBatch(events, np.full(size, now_ms, np.int64), now_ms), JoinedBatch(labels, now_ms)))
    return made


def feed(one: Watch | ModelWatch, batch: tuple[PredictionBatch, JoinedBatch]) -> list[Condition]:
    """One step, and what is wrong some minutes later."""
    predictions, labels = batch
    one.on_predictions(predictions)
    one.on_labels(labels)
    return one.conditions(predictions.now_ms + LATER_MS)


def arrays(thing: Any) -> list[Any]:
    """Every array in a state."""
    if isinstance(thing, np.ndarray):
        return [thing]
    if hasattr(thing, "__struct_fields__"):
        return [array for name in thing.__struct_fields__ for array in arrays(getattr(thing, name))]
    inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple) else ()
    return [array for item in inside for array in arrays(item)]


@ALL
def test_it_is_listed_under_its_name_and_its_state_is_typed(name: str) -> None:
    monitor = watch(name)._monitors[name]

    assert isinstance(monitor, BaseMonitor)
    assert EVERY[name].name == name
    assert isinstance(monitor.state(), Versioned)
    assert type(monitor).state is not BaseMonitor.state
    assert type(monitor).restore is not BaseMonitor.restore


@ALL
def test_written_and_restored_after_any_batch_it_continues_to_the_bit(name: str) -> None:
    whole, pieces = watch(name), watch(name)
    said = []
    for batch in batches():
        said += feed(whole, batch)
        state = decode(encode(pieces.state()))
        pieces = watch(name)
        pieces.restore(state)
        assert feed(pieces, batch) == whole.conditions(batch[0].now_ms + LATER_MS)
        assert encode(pieces.state()) == encode(whole.state())

    assert {condition.monitor for condition in said} == {name}, "the stream breaks nothing that it watches"


@ALL
def test_a_state_is_a_copy_that_nothing_changes_and_nothing_of_it_is_shared(name: str) -> None:
    one, stream = watch(name), batches()
    for at, batch in enumerate(stream):
        feed(one, batch)
        if at not in {3, len(stream) // 2, len(stream) - 3}:
            continue
        state = one.state().monitors[name]
        written, twin = encode(state), watch(name)
        twin.restore(one.state())
        for later in stream[at + 1 :]:
            feed(twin, later)
        feed(one, copy.copy(batch))
        assert encode(state) == written
        assert not any(np.shares_memory(a, b) for a in arrays(state) for b in arrays(one.state().monitors[name]))


@ALL
def test_asking_what_is_wrong_changes_nothing(name: str) -> None:
    one = watch(name)
    for batch in batches():
        found = feed(one, batch)
        before = encode(one.state())
        assert one.conditions(batch[0].now_ms + LATER_MS) == found
        assert encode(one.state()) == before


@ALL
def test_it_does_not_change_what_it_is_fed(name: str) -> None:
    one, stream = watch(name), batches()
    before = copy.deepcopy([(predictions.events, labels.events) for predictions, labels in stream])
    for batch in stream:
        feed(one, batch)

    assert [(predictions.events, labels.events) for predictions, labels in stream] == before


@ALL
def test_memory_does_not_grow_with_the_stream(name: str) -> None:
    one = watch(name)
    for batch in batches(steps=12):
        feed(one, batch)
    early = len(encode(one.state()))
    for seed in range(2, 8):
        for batch in batches(seed, steps=12):
            feed(one, batch)

    assert len(encode(one.state())) <= 1.5 * early + 1000
