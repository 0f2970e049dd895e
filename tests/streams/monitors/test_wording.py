from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.streams.monitors.wording import count, duration, milliseconds, percent, quantity


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.0 %"), (0.0412, "4.1 %"), (1, "100.0 %"), (0.0004, "0.04 %"), (0.00004, "0.004 %")]
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (1024, "1,024 events"), (1e6, "1,000,000 events")]
)
def test_count(number: float, text: str) -> None:
    assert count(number, "events") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.012345, "0.0123"), (12.3456, "12.3"), (1234.5, "1,230"), (-98765, "-98,800"), (3e20, "3e+20")],
)
def test_quantity(value: float, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.354, "0.354 ms"), (340, "340 ms"), (12_400, "12.4 s")])
def test_milliseconds(value: float, text: str) -> None:
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0 s"), (42_000, "42 s"), (90_000, "1 min 30 s"), (7_200_000, "2 h"), (90_061_000, "1 d 1 h")]
)
def test_duration(ms: float, text: str) -> None:
    assert duration(ms) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_can_be_said(value: float) -> None:
    assert quantity(value)
    assert len(quantity(value)) < 20
