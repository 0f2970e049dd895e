"""A small batch is counted in other steps than a large one, to the same result."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from driftbell.runtime.config.model import Reference as ReferenceSettings
from driftbell.schemas import Prediction
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.monitors.rates import Rates
from driftbell.streams.reference import Columns, Reference, columns


def value(rng: random.Random, kind: str, strange: float) -> Any:
    if rng.random() < strange:
        return rng.choice([None, "text", "b", True, False, 7, 1e300, -1e300, 10**400, -0.0, 2**53 + 1, "x" * 100])
    values: dict[str, Any] = {
        "number": rng.gauss(0, 1),
        "based": 1e9 + rng.random(),
        "whole": rng.randrange(5),
        "text": rng.choice("abcdefgh"),
        "truth": rng.random() < 0.3,
        "many": f"name-{rng.randrange(200)}",
    }
    return values[kind]


def batch(rng: random.Random, size: int, strange: float) -> PredictionBatch:
    kinds = ("number", "based", "whole", "text", "truth", "many")
    events = [
        Prediction(
            prediction_id=str(at),
            model="m",
            version="1",
            features={kind: value(rng, kind, strange) for kind in kinds},
            prediction=rng.random() < 0.5,
        )
        for at in range(size)
    ]
    return PredictionBatch(events, np.zeros(size, np.int64), 1000)


def read(reference: Reference, events: PredictionBatch) -> list[Columns]:
    seen = [reference.columns(events), reference.predictions(events)]
    # Not counted as read, so that thinning begins at the same event again.
    reference._read = None
    return [one for one in seen if one is not None]


@pytest.mark.parametrize("strange", [0.0, 0.1, 1.0])
def test_few_events_are_counted_as_many_are(strange: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    reference = Reference(ReferenceSettings(events=500))
    reference.learn(batch(rng, 500, 0.02))
    for _ in range(40):
        events = batch(rng, rng.randrange(1, columns._FEW + 1), strange)
        few = read(reference, events)
        with monkeypatch.context() as patched:
            patched.setattr(columns, "_FEW", 0)
            many = read(reference, events)
            for one, other in zip(few, many, strict=True):
                assert one.bins.tolist() == other.bins.tolist()
                assert one.numbers.tobytes() == other.numbers.tobytes()
                assert one.categories.tolist() == other.categories.tolist()
                for name in ("missing", "wrong", "unseen"):
                    assert getattr(one, name).tolist() == getattr(other, name).tolist()
        first = few[0]
        assert first.whole == (not (first.missing.any() or first.wrong.any()))
        assert first.all_known == (not first.unseen.any())


def test_rates_that_nothing_counts_against_are_told_in_short_or_at_length_alike() -> None:
    rng = random.Random(3)
    short, long = (Rates([0.01] * 3, [0.02] * 3, 1000.0, coarse=True) for _ in range(2))
    for at in range(600):
        size = rng.randrange(1, 60)
        bad = [rng.randrange(size + 1) if rng.random() < 0.01 else 0 for _ in range(3)]
        if any(bad) or not short.quiet(size, at):
            short.update([size] * 3, bad, at)
        long.update([size] * 3, bad, at)
        assert repr(short.state()) == repr(long.state())
        if rng.random() < 0.1:
            restored = Rates([0.01] * 3, [0.02] * 3, 1000.0, coarse=True)
            restored.restore(short.state())
            short = restored
    assert long.state().detector is not None
