from __future__ import annotations

import numpy as np
import pytest

from driftbell.streams.detectors import CUSUM
from driftbell.streams.detectors.cusum import run_length, threshold_for


@pytest.mark.parametrize("k", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("steps", [50, 10_000, 1e9])
def test_the_threshold_has_the_run_length_asked_for(k: float, steps: float) -> None:
    assert run_length(threshold_for(steps, k), -k) == pytest.approx(steps, rel=1e-6)


def test_run_lengths_are_the_published_ones() -> None:
    # Montgomery, "Introduction to Statistical Quality Control", two-sided CUSUM with k = 1/2: h = 5 has ARL0 = 465,
    # and 10.4 after a shift of one standard deviation.
    assert run_length(5, -0.5) / 2 == pytest.approx(465, rel=0.02)
    assert run_length(5, 0.5) == pytest.approx(10.4, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("k", [0.25, 0.5])
def test_simulated_run_lengths_are_within_a_tenth_of_the_stated_one(k: float) -> None:
    rng = np.random.default_rng(5)
    detector = CUSUM(1, 500, k)
    steps, alarms = 400_000, 0
    for z in rng.normal(size=(steps, 1)):
        detector.update(z)
        if detector.drift_detected:
            alarms += 1
            detector.reset()

    assert steps / alarms == pytest.approx(500, rel=0.1)


def test_both_directions_are_found_with_their_change_points() -> None:
    detector = CUSUM(2, 1e6)
    for step in range(60):
        detector.update(np.array([1.5 if step >= 20 else 0.0, -1.5 if step >= 30 else 0.0]), step)

    assert detector.alarms.tolist() == [True, True]
    assert detector.change_point(0) == (20, 40)
    assert detector.change_point(1) == (30, 30)
    assert detector.shift(0) == pytest.approx(1.5)


def test_an_alarm_inside_a_batch_is_not_lost_by_what_follows_in_it() -> None:
    detector = CUSUM(1, 1e4)
    detector.update(np.array([[4.0]] * 6 + [[-4.0]] * 6))

    assert detector.drift_detected
