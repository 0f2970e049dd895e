"""Durations, against Prometheus' own examples (prometheus/common, model/time_test.go)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.runtime.config.duration import LONGEST_SECONDS, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0w", 0),
        ("0s", 0),
        ("324ms", 0.324),
        ("3s", 3),
        ("5m", 300),
        ("1h", 3600),
        ("4d", 345_600),
        ("4d1h", 349_200),
        ("14d", 1_209_600),
        ("3w", 1_814_400),
        ("3w2d1h", 1_990_800),
        ("10y", 315_360_000),
        ("1h30m", 5400),
        ("1.5", 1.5),
        ("30", 30),
    ],
)
def test_text_is_read_as_prometheus_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "nan", "inf", "1d1d", "1m1d", "1.5d", "d", "1 s", "s5", "5S", "294y6", "\u0663s", "\u0663", "1_0"],
)
def test_what_prometheus_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["101y", "9999999999999999999y", "9" * 5000 + "y", "1e300", "3153600001"])
def test_a_duration_beyond_a_hundred_years_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(ValueError, match="is too long: a duration is at most 100y") as refused:
        parse_duration(text)
    assert len(str(refused.value)) < 100


def test_a_hundred_years_are_a_duration() -> None:
    assert parse_duration("100y") == LONGEST_SECONDS


@given(st.integers(min_value=0, max_value=10**12))
def test_formatting_loses_nothing(milliseconds: int) -> None:
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.02, "20ms"), (90, "1m30s"), (7 * 86400, "7d"), (30 * 86400, "30d"), (3600, "1h")],
)
def test_durations_are_shown_as_people_write_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
