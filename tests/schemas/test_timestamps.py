"""Timestamps: what is read, what is refused and why."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import to_epoch_ms, to_rfc3339
from driftbell.schemas.timestamps import MAX_EPOCH_MS, MAX_YEAR, MIN_EPOCH_MS, MIN_YEAR

NOON = 1_795_521_600_000


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24t12:00:00z", NOON),
        ("2026-11-24 12:00:00Z", NOON),
        ("2026-11-24T12:00:00+00:00", NOON),
        ("2026-11-24T14:00:00+02:00", NOON),
        ("2026-11-24T06:30:00-05:30", NOON),
        ("2026-11-24T12:00:00-00:00", NOON),
        ("2026-11-24T12:00:00.123Z", NOON + 123),
        ("2026-11-24T12:00:00.1Z", NOON + 100),
        ("2026-11-24T12:00:00.123999Z", NOON + 123),
        ("2026-11-24T12:00:00.123999999Z", NOON + 123),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("1980-01-01T00:00:00Z", MIN_EPOCH_MS),
        ("2199-12-31T23:59:59.999Z", MAX_EPOCH_MS),
        # What Java's OffsetDateTime.toString and Python's strftime("%z") write.
        ("2026-11-24T12:00Z", NOON),
        ("2026-11-24T14:00:00+0200", NOON),
    ],
)
def test_text_is_read(text: str, epoch_ms: int) -> None:
    assert to_epoch_ms(text) == epoch_ms


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1_795_521_600, "epoch seconds; multiply by 1000"),
        (1_795_521_600.5, "epoch seconds; multiply by 1000"),
        (0, "epoch seconds"),
        (-1, "negative"),
        (1_795_521_600_000_000, "microseconds or nanoseconds"),
        (1_795_521_600_000_000_000, "19 digits"),
        (10**400, "microseconds or nanoseconds"),
        (math.nan, "not a time"),
        (math.inf, "not a time"),
        (True, "bool"),
        (None, "NoneType"),
        ("", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        ("1795521600000", "as a JSON number"),
        ("2026-11-24", "RFC 3339"),
        ("20261124T120000Z", "RFC 3339"),
        ("2026-W48-2T12:00:00Z", "RFC 3339"),
        ("2026-11-24T12:00:00", "no offset from UTC; append Z"),
        ("2026-13-24T12:00:00Z", "month"),
        ("2026-02-30T12:00:00Z", "day"),
        ("2026-11-24T25:00:00Z", "hour"),
        ("2026-11-24T12:00:61Z", "second"),
        ("2026-11-24T12:00:00X", "RFC 3339"),
        ("24/11/2026 12:00:00 UTC", "RFC 3339"),
        ("1979-12-31T23:59:59.999Z", "years 1980 to 2199"),
        ("2200-01-01T00:00:00Z", "years 1980 to 2199"),
        # In UTC the years 10000 and 0, which nothing can write.
        ("9999-12-31T23:59:59-14:00", "years 1980 to 2199"),
        ("0001-01-01T00:00:00+14:00", "years 1980 to 2199"),
        ("2026-11-24T12:00:00Z" + "0" * 10_000, "RFC 3339"),
    ],
)
def test_what_is_no_time_is_refused_with_a_hint(value: Any, hint: str) -> None:
    with pytest.raises(ValueError, match=hint) as refused:
        to_epoch_ms(value)

    assert len(str(refused.value)) < 200


@given(epoch_ms=st.integers(MIN_EPOCH_MS, MAX_EPOCH_MS))
def test_epoch_milliseconds_are_taken_as_they_are(epoch_ms: int) -> None:
    assert to_epoch_ms(epoch_ms) == epoch_ms
    assert to_epoch_ms(float(epoch_ms)) == epoch_ms
    assert to_epoch_ms(to_rfc3339(epoch_ms)) == epoch_ms


@given(
    moment=st.datetimes(
        min_value=datetime(MIN_YEAR, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
        max_value=datetime(MAX_YEAR, 12, 31),  # noqa: DTZ001
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_text_agrees_with_datetime(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert to_epoch_ms(moment.isoformat()) == expected


@given(text=st.text(max_size=40))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(to_epoch_ms(text), int)


def test_text_has_always_the_same_length_and_orders_as_time_does() -> None:
    moments = [-62_135_596_800_000, 0, NOON, NOON + 1, MAX_EPOCH_MS]
    written = [to_rfc3339(moment) for moment in moments]

    assert written[0] == "0001-01-01T00:00:00.000Z"
    assert written[2] == "2026-11-24T12:00:00.000Z"
    assert {len(text) for text in written} == {24}
    assert written == sorted(written)


def test_a_year_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        to_rfc3339(253_402_300_800_000)
