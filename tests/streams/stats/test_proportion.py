from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftbell.streams.stats import upper_bound


@given(st.integers(1, 100_000), st.data())
def test_it_lies_between_the_share_and_one(events: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, events))

    assert successes / events <= upper_bound(successes, events) <= 1


def test_it_is_scipys_wilson_interval() -> None:
    interval = stats.binomtest(12, 500).proportion_ci(confidence_level=2 * stats.norm.cdf(3) - 1, method="wilson")

    assert upper_bound(12, 500, 3) == pytest.approx(interval.high)


def test_nothing_seen_means_anything_is_possible() -> None:
    assert upper_bound(0, 0) == 1.0
