from __future__ import annotations

import numpy as np
import pytest

from driftbell.streams.detectors import BernoulliESR, BoundedMeanESR


def delay(detector: BoundedMeanESR | BernoulliESR, seed: int, a: float, b: float) -> int:
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.beta(2, 8, 3000), rng.beta(a, b, 8000)])
    for at in range(0, len(x), 32):
        if isinstance(detector, BoundedMeanESR):
            detector.update(x[at : at + 32])
        else:
            detector.update([32.0], [x[at : at + 32].sum()])
        if detector.drift_detected:
            return at + 32 - 3000
    return 8000


def test_it_uses_the_variance_a_quantity_really_has() -> None:
    ours = [delay(BoundedMeanESR(0.2, 1e6), seed, 2.4, 7.6) for seed in range(10)]
    as_if_binary = [delay(BernoulliESR([0.2], 1e6), seed, 2.4, 7.6) for seed in range(10)]

    assert min(ours) > 0
    assert np.median(ours) < np.median(as_if_binary) / 2


@pytest.mark.slow
def test_the_budget_is_kept_at_the_boundary_of_the_null() -> None:
    rng = np.random.default_rng(8)
    detector = BoundedMeanESR(0.2, 2_000)
    events, false_alarms = 600_000, 0
    for _ in range(events // 50):
        detector.update(rng.beta(2, 8, 50))
        if detector.drift_detected:
            false_alarms += 1
            detector.reset()

    assert events / max(false_alarms, 1) >= 2_000


def test_the_increments_are_the_formula() -> None:
    detector = BoundedMeanESR(0.25, 1e6)
    x = np.array([0.1, 0.9, 0.4])
    detector.update(x)
    stakes = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]) / 0.25
    expected = np.log(np.mean([np.prod(1 + stake * (x - 0.25)) * 3 for stake in stakes]))

    assert detector.log_evidence == pytest.approx(expected, rel=1e-5)
