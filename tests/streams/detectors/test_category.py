from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from driftbell.streams.detectors import CategoryESR

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def until_alarm(shares: np.ndarray[Any, np.dtype[np.float64]], seed: int, limit: int = 8000) -> tuple[int, int]:
    """(events until the alarm, category that moved) for a reference of 5,000."""
    rng = np.random.default_rng(seed)
    detector = CategoryESR([rng.multinomial(5000, SHARES)], 1e7)
    for at in range(0, limit, 32):
        detector.update(rng.multinomial(32, shares)[None])
        if detector.drift_detected:
            return at + 32, detector.moved(0)[0]
    return limit, -1


@pytest.mark.parametrize(
    ("shares", "within", "category"),
    [
        ([0.0, 0.6, 0.3, 0.1], 64, 0),
        ([0.25, 0.15, 0.1, 0.5], 64, 3),
        ([0.4, 0.3, 0.25, 0.05], 1000, 2),
        ([0.7, 0.2, 0.08, 0.02], 300, 0),
    ],
)
def test_it_finds_categories_that_grow_and_that_vanish(shares: list[float], within: int, category: int) -> None:
    found = [until_alarm(np.array(shares), seed) for seed in range(8)]

    assert np.median([events for events, _ in found]) <= within
    assert [moved for _, moved in found].count(category) >= 5


def test_features_of_different_size_share_one_detector() -> None:
    rng = np.random.default_rng(2)
    reference = [rng.multinomial(5000, SHARES), rng.multinomial(5000, [0.5, 0.5])]
    detector = CategoryESR(reference, 1e6)
    for _ in range(50):
        batch = np.zeros((2, 16), np.int64)
        batch[0, :4] = rng.multinomial(100, SHARES)
        batch[1, :2] = rng.multinomial(100, [0.8, 0.2])
        detector.update(batch)

    assert detector.alarms.tolist() == [False, True]


def test_what_bounded_counting_may_have_missed_is_tolerated() -> None:
    rng = np.random.default_rng(4)
    short_by_100 = np.array([2400, 1400, 1200])
    batch = np.array([[2500, 1500, 1000]])
    strict = CategoryESR([short_by_100], 1e6)
    lenient = CategoryESR([short_by_100], 1e6, [200.0])
    for _ in range(20):
        drawn = rng.multinomial(1000, batch[0] / batch.sum())[None]
        strict.update(drawn)
        lenient.update(drawn)

    assert lenient.log_evidence[0] < strict.log_evidence[0]


@pytest.mark.slow
def test_the_budget_is_kept_though_the_reference_is_itself_a_sample() -> None:
    rng = np.random.default_rng(10)
    events, false_alarms = 0, 0
    for _ in range(40):
        mixes = [rng.dirichlet(np.ones(8)) for _ in range(3)]
        detector = CategoryESR([rng.multinomial(1000, mix) for mix in mixes], 2_000)
        for _ in range(400):
            detector.update(np.stack([rng.multinomial(50, mix) for mix in mixes]))
            events += 50
            if detector.drift_detected:
                false_alarms += 1
                detector.reset()

    assert events / max(false_alarms, 1) >= 2_000
