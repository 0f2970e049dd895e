"""Rates near one and columns that hardly ever change: no false alarm, and real changes are found."""

from __future__ import annotations

import numpy as np
import pytest

from driftbell.streams.detectors import BernoulliESR, RankESR, RankScores
from driftbell.streams.monitors.rates import Rates
from driftbell.streams.reference.numbers import learn_numbers


@pytest.mark.parametrize("coarse", [False, True])
def test_a_share_that_may_be_everything_never_alarms(coarse: bool) -> None:
    detector = BernoulliESR([1.0], 1e6, coarse=coarse)
    for _ in range(2_000):
        detector.update([10_000], [10_000])

    assert not detector.drift_detected


@pytest.mark.parametrize("coarse", [False, True])
def test_a_rise_from_98_percent_to_all_is_found_and_ends(coarse: bool) -> None:
    rates = Rates([0.98], [0.985], 1e6, coarse=coarse)
    rng = np.random.default_rng(1)
    for _ in range(200):
        rates.update([100], [rng.binomial(100, 0.98)], 0)
    assert rates.findings() == []
    for _ in range(50):
        rates.update([100], [100], 0)
    assert [finding.row for finding in rates.findings()] == [0]
    for _ in range(50):
        rates.update([100], [rng.binomial(100, 0.9)], 0)
    assert rates.findings() == []


def test_one_other_value_of_a_constant_column_is_no_alarm() -> None:
    numbers = learn_numbers(np.full(5000, 3, np.float32), 32)
    detector = RankESR([RankScores(numbers.counts)], 1e6)
    counts = np.zeros((1, len(numbers.counts)), np.int64)
    counts[0, 1] = 4000
    detector.update(counts)
    once = counts.copy()
    once[0, 1], once[0, -1] = 98, 2
    detector.update(once)
    assert not detector.drift_detected

    often = counts.copy()
    often[0, 1], often[0, -1] = 50, 50
    detector.update(often)
    assert detector.drift_detected
