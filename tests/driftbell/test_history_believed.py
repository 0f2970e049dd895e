"""One entry with an absurd time does not take the others with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.history.believed import CONFIRMING, JUMP_MS, Believed
from driftbell.history.record import HistoryRecord

T = 1_700_000_000_000
NOW = T + 1000 * JUMP_MS
FAR = 4_081_000_000_000


def times(*given_ms: int) -> list[int]:
    believed = Believed(NOW)
    records = [HistoryRecord("predictions", time_ms, b"%d" % index) for index, time_ms in enumerate(given_ms)]
    back = [record for one in records for record in believed.take(one)] + list(believed.end())

    assert [record.value for record in back] == [record.value for record in records]
    return [record.time_ms for record in back]


@pytest.mark.parametrize(
    ("given_ms", "expected"),
    [
        pytest.param([T, FAR, T + 1, T + 2], [T, T, T + 1, T + 2], id="in the middle"),
        pytest.param([FAR, T, T + 1], [T, T, T + 1], id="at the beginning"),
        pytest.param([T, T + 1, FAR], [T, T + 1, T + 1], id="at the end"),
        pytest.param([T, FAR, FAR + 5, T + 3], [T, T, T, T + 3], id="two in a row"),
        pytest.param([T, T + 3 * JUMP_MS], [T, T + 3 * JUMP_MS], id="a gap at the end is a gap"),
        pytest.param([T], [T], id="a single entry"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_time_far_ahead_of_all_around_it_is_not_believed(given_ms: list[int], expected: list[int]) -> None:
    assert times(*given_ms) == expected


def test_a_gap_of_days_after_which_the_file_goes_on_is_believed() -> None:
    after = [T + 30 * JUMP_MS + step for step in range(CONFIRMING)]

    assert times(T, *after) == [T, *after]


def test_one_event_a_week_is_believed() -> None:
    weekly = [T + week * 7 * JUMP_MS for week in range(30)]

    assert times(*weekly) == weekly


@given(st.lists(st.integers(0, FAR), max_size=60))
def test_every_entry_comes_back_once_and_in_its_place(given_ms: list[int]) -> None:
    times(*given_ms)
