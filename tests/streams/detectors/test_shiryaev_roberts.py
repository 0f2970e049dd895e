from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.streams.detectors import ShiryaevRoberts, alarms

STEPS = st.lists(st.tuples(st.floats(-3, 3), st.integers(1, 50)), min_size=1, max_size=40)


@given(STEPS)
def test_evidence_is_the_recursion_computed_with_plain_numbers(steps: list[tuple[float, int]]) -> None:
    detector = ShiryaevRoberts(np.array([[1.0]]))
    m = 0.0
    for log_l, events in steps:
        detector.update(np.array([[log_l]]), np.array([float(events)]), 0)
        m = math.exp(log_l) * (events + m)

    assert detector.log_evidence[0] == pytest.approx(math.log(m), rel=1e-4, abs=1e-4)


@given(STEPS)
def test_the_change_point_is_where_the_cumulative_likelihood_was_last_at_its_minimum(
    steps: list[tuple[float, int]],
) -> None:
    detector = ShiryaevRoberts(np.array([[1.0]]))
    for index, (log_l, events) in enumerate(steps):
        detector.update(np.array([[log_l]]), np.array([float(events)]), index)
    # In float32 throughout, as the detector keeps it; the oracle restarts a walk when it is not above zero.
    walk, start, since = np.float32(0), 0, 0
    for index, (log_l, events) in enumerate(steps):
        if walk <= 0:
            walk, start, since = np.float32(0), index, 0
        walk = np.float32(np.float64(walk) + log_l)
        since += events

    assert detector.change_point(0) == (start, since)


def test_a_mixture_is_the_weighted_mean_of_its_bets() -> None:
    weights = np.array([[0.25, 0.75]])
    detector = ShiryaevRoberts(weights)
    m = np.zeros(2)
    for log_l, events in (([0.5, -0.5], 3.0), ([1.0, 0.2], 5.0)):
        detector.update(np.array([log_l]), np.array([events]), 0)
        m = np.exp(log_l) * (events + m)

    assert detector.log_evidence[0] == pytest.approx(math.log(float(weights[0] @ m)), rel=1e-5)


def test_a_row_without_events_does_not_move() -> None:
    detector = ShiryaevRoberts(np.full((2, 1), 1.0))
    detector.update(np.array([[1.0], [1.0]]), np.array([10.0, 10.0]), 0)
    before = detector.log_evidence.copy()
    detector.update(np.array([[9.0], [1.0]]), np.array([0.0, 10.0]), 1)

    assert detector.log_evidence[0] == before[0]
    assert detector.log_evidence[1] > before[1]


def test_enormous_evidence_stays_finite() -> None:
    detector = ShiryaevRoberts(np.full((1, 2), 0.5))
    for _ in range(1000):
        detector.update(np.array([[1e4, -1e4]]), np.array([1000.0]), 0)

    assert np.isfinite(detector.log_evidence).all()


def test_a_state_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        ShiryaevRoberts(np.full((2, 2), 0.5)).restore(ShiryaevRoberts(np.full((1, 2), 0.5)).state())


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.floats(1, 1e9))
def test_alarms_are_the_step_up_rule_written_out(evidence: list[float], events_per_false_alarm: float) -> None:
    values = np.array(evidence)
    rows = len(values)
    passed = set()
    for k in range(1, rows + 1):
        largest = sorted(range(rows), key=lambda i: -values[i])[:k]
        if values[largest[-1]] >= math.log(events_per_false_alarm) + math.log(rows) - math.log(k):
            passed = {i for i in range(rows) if values[i] >= values[largest[-1]]}

    assert set(np.flatnonzero(alarms(values, events_per_false_alarm)).tolist()) == passed


@given(st.lists(st.floats(-20, 30), min_size=1, max_size=30))
def test_whenever_a_row_alarms_the_mean_of_all_has_passed_the_budget(evidence: list[float]) -> None:
    values = np.array(evidence)
    if alarms(values, 1000.0).any():
        assert np.exp(values).mean() >= 1000 * (1 - 1e-9)
