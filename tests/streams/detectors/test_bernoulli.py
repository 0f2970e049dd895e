from __future__ import annotations

import numpy as np
import pytest
from river import drift

from driftbell.streams.detectors import BernoulliESR
from driftbell.streams.encoding import encode


def delay(before: float, after: float, seed: int, batch: int = 32) -> int | None:
    """Events from a change at 5,000 until the alarm, at a budget of one false alarm in a million."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.random(5000) < before, rng.random(10_000) < after])
    detector = BernoulliESR([before], 1e6)
    for at in range(0, len(x), batch):
        piece = x[at : at + batch]
        detector.update([len(piece)], [piece.sum()], at)
        if detector.drift_detected:
            return at + batch - 5000
    return None


def adwin_delay(before: float, after: float, seed: int) -> int:
    """The same with River's ADWIN."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.random(5000) < before, rng.random(10_000) < after])
    detector = drift.ADWIN()
    for at, value in enumerate(x.tolist()):
        detector.update(value)
        if at >= 5000 and detector.drift_detected:
            return at - 5000
    return 10_000


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.15), (0.1, 0.3), (0.2, 0.3), (0.02, 0.04)])
def test_it_is_no_slower_than_adwin_though_it_keeps_a_budget(before: float, after: float) -> None:
    ours = [delay(before, after, seed) for seed in range(15)]
    theirs = [adwin_delay(before, after, seed) for seed in range(15)]

    assert None not in ours
    assert np.median([d for d in ours if d is not None]) <= 1.15 * np.median(theirs)


@pytest.mark.parametrize("later", [0.001, 0.02, 0.2, 0.9])
def test_evidence_continues_in_a_detector_that_was_made_for_where_the_target_is_now(later: float) -> None:
    """The number of alternatives is that of the first target: a row keeps its bets while the target moves."""
    rng = np.random.default_rng(1)
    detector = BernoulliESR([0.1, 0.05], 1e6)
    detector.retarget([later, 0.05])
    again = BernoulliESR([later, 0.05], 1e6)
    detector.update([300, 300], [40, 20], 1)
    again.restore(detector.state())
    for at in range(20):
        batch = rng.integers(0, 100, 2)
        for one in (detector, again):
            one.update([100, 100], batch, at)

    assert encode(again.state()) == encode(detector.state())
    assert again.alternative(0) == detector.alternative(0)


def test_everything_broken_is_seen_within_a_few_events() -> None:
    detector = BernoulliESR([0.005] * 20, 1e7)
    bad = np.zeros(20)
    bad[3] = 6
    detector.update(np.full(20, 6.0), bad)

    assert np.flatnonzero(detector.alarms).tolist() == [3]


def test_it_counts_the_successes_since_the_change_point() -> None:
    detector = BernoulliESR([0.1], 1e6)
    for at in range(10):
        detector.update([1000], [100], at)
    detector.update([500], [200], 10)
    detector.update([500], [190], 11)

    assert detector.evidence.change_point(0) == (10, 1000)
    assert detector.successes(0) == pytest.approx(390, abs=0.1)
    assert detector.alternative(0) == pytest.approx(0.38, rel=0.15)


def test_a_rate_below_the_tolerated_one_never_counts_against_it() -> None:
    detector = BernoulliESR([0.1], 1e3)
    for at in range(200):
        detector.update([1000], [60], at)
        assert not detector.drift_detected


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 10])
@pytest.mark.parametrize("batch", [10, 100])
def test_the_budget_is_kept_at_the_boundary_of_the_null(rows: int, batch: int) -> None:
    rng = np.random.default_rng(7)
    detector = BernoulliESR([0.1] * rows, 2_000)
    events, false_alarms = 600_000, 0
    for _ in range(events // batch):
        detector.update([batch] * rows, rng.binomial(batch, 0.1, rows))
        if detector.drift_detected:
            false_alarms += 1
            detector.reset()

    assert events / max(false_alarms, 1) >= 2_000
