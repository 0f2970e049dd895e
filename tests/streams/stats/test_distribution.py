"""The counted histogram, with prometheus_client's own as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.utils import floatToGoString

from driftbell.streams.stats.histogram import Distribution

BOUNDS = (0.1, 1.0, 2.5)
VALUES = st.lists(st.sampled_from([0.0, 0.1, 0.10001, 1.0, 2.0, 2.5, 3.0]) | st.floats(0, 5), max_size=40)


@given(VALUES)
def test_it_counts_as_prometheus_client_does(values: list[float]) -> None:
    registry = CollectorRegistry()
    oracle = Histogram("seconds", "Seconds.", buckets=BOUNDS, registry=registry)
    ours = Distribution(BOUNDS)
    for value in values:
        oracle.observe(value)
        ours.observe(value)

    for bound, count in ours.buckets():
        assert registry.get_sample_value("seconds_bucket", {"le": floatToGoString(bound)}) == count
    assert registry.get_sample_value("seconds_sum") == pytest.approx(ours.sum)
    assert registry.get_sample_value("seconds_count") == ours.count == len(values)


@given(VALUES, VALUES)
def test_two_that_are_added_are_as_one_that_saw_it_all(some: list[float], others: list[float]) -> None:
    one, two, both = Distribution(BOUNDS), Distribution(BOUNDS), Distribution(BOUNDS)
    for value in some:
        one.observe(value)
        both.observe(value)
    for value in others:
        two.observe(value)
        both.observe(value)
    total = one.copy()
    total.update(two)

    assert list(total.buckets()) == list(both.buckets())
    assert total.sum == pytest.approx(both.sum)
    assert one.count == len(some), "the copy is a copy"


def test_an_observation_may_count_several_times() -> None:
    ours = Distribution(BOUNDS)
    ours.observe(2.0, 3)

    assert list(ours.buckets()) == [(0.1, 0), (1.0, 0), (2.5, 3), (float("inf"), 3)]
    assert ours.sum == 6.0
