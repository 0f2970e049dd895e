"""Times at the ends of the calendar: whoever posts an alert may name them."""

from __future__ import annotations

import pytest

from driftbell.alerting.times import EARLIEST_MS, LATEST_MS, rfc3339, to_ms

LAST, FIRST = "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59"]
)
def test_a_time_after_the_last_that_can_be_written_is_the_last(text: str) -> None:
    assert rfc3339(to_ms(text)) == LAST


def test_every_number_can_be_written_and_read_again() -> None:
    assert (rfc3339(LATEST_MS), rfc3339(EARLIEST_MS)) == (LAST, FIRST)
    assert (to_ms(LAST), to_ms(FIRST)) == (LATEST_MS, EARLIEST_MS)
    assert (rfc3339(LATEST_MS + 600_000), rfc3339(EARLIEST_MS - 1), rfc3339(10**40)) == (LAST, FIRST, LAST)
    assert to_ms("0001-01-01T00:00:00+23:59") == EARLIEST_MS
    # Whole milliseconds, not a fraction that a float makes smaller.
    assert all(to_ms(rfc3339(ms)) == ms for ms in range(LATEST_MS - 2_000, LATEST_MS))
