from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftbell.runtime.wording import count, duration, milliseconds, pair, percent, quantity, went


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


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("before", "now", "show", "text"),
    [
        (0.9996, 1.0, percent, "rose from 99.96 % to 100.0 %"),
        (1.0, 1.0, percent, "is 100.0 %"),
        (0.0, 1e-7, percent, "rose from 0.0 % to less than 0.001 %"),
        (3.5, 3.5004, quantity, "rose from 3.5 to 3.5004"),
        (20_261_118.0, 20_261_119.0, quantity, "rose from 20,261,118 to 20,261,119"),
        (1.95e-46, 2.3, quantity, "rose from nearly 0 to 2.3"),
        (1.95e-46, 2.3e-46, quantity, "rose from nearly 0 to a little more"),
        (12.0, 11.96, milliseconds, "fell from 12 ms to 11.96 ms"),
    ],
)
def test_a_change_reads_as_one(before: float, now: float, show: Any, text: str) -> None:
    assert went(before, now, show) == text


def said(text: str) -> float:
    """The number a text says, in its unit."""
    number = re.search(r"-?[0-9][-+0-9,.e]*", text)
    return float(number[0].replace(",", "")) if number else 0.0


SPANS = st.floats(0, 1e12)


@given(st.one_of(st.tuples(NUMBERS, NUMBERS, st.just(quantity)), st.tuples(SPANS, SPANS, st.just(milliseconds))))
@example((9_999.96, 10_000.0, milliseconds))
@example((0.0999, 0.1, quantity))
def test_two_different_numbers_never_look_equal(case: tuple[float, float, Any]) -> None:
    before, now, show = case
    left, right = pair(before, now, show)

    if before == now:
        assert left == right
    else:
        assert left != right
        assert (said(left), left.split()[-1]) != (said(right), right.split()[-1]) or "nearly" in left + right


@given(st.floats(0, 1), st.floats(0, 1))
@example(0.000999, 0.001)
@example(0.9999999, 1.0)
def test_two_different_shares_never_look_equal(before: float, now: float) -> None:
    left, right = pair(before, now, percent)

    assert (left == right) is (before == now)
    if before != now and not re.search("than|little", left + right):
        assert said(left) != said(right)


@given(st.floats(0, 1))
def test_only_none_and_all_are_shown_as_such(share: float) -> None:
    text = percent(share)

    assert (text.startswith("0.0 %"), text.startswith("100.0 %")) == (share == 0, share == 1)


@given(NUMBERS, NUMBERS)
def test_no_sentence_has_the_exponent_of_a_rounding_error(before: float, now: float) -> None:
    for text in pair(before, now, quantity):
        assert not re.search(r"e-(1[3-9]|[2-9]\d|\d{3})", text)


@given(NUMBERS)
def test_any_number_can_be_said(value: float) -> None:
    assert quantity(value)
    assert len(quantity(value)) <= 20


@pytest.mark.parametrize(
    ("days", "text"), [(1, "1 d"), (40, "40 d"), (365, "1 year"), (365.02, "1 year"), (730.5, "2 years")]
)
def test_a_year_is_called_a_year(days: float, text: str) -> None:
    assert duration(days * 86_400_000) == text
