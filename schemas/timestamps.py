"""Timestamps: RFC 3339 text or epoch milliseconds on the wire, epoch milliseconds inside."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

#: Years that an event can be from. Far enough from the ends of what RFC 3339 can write (0001 to 9999) that the end of a
#: window, or of a horizon of years, can be written too, and wide enough for any archive of a model's answers.
MIN_YEAR, MAX_YEAR = 1980, 2199
#: 1980-01-01T00:00:00Z. Numbers below it are refused: in practice they are epoch seconds (until the year 11968).
MIN_EPOCH_MS = 315_532_800_000
#: 2199-12-31T23:59:59.999Z. Numbers above it are microseconds or nanoseconds.
MAX_EPOCH_MS = 7_258_118_399_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
#: ``2026-11-24T12:00`` begins every accepted text; nanoseconds and an offset may follow, ten thousand digits may not.
_SHORTEST = 16
_LONGEST = 64


def to_epoch_ms(value: float | str) -> int:
    """Epoch milliseconds of a wire timestamp; fractions of a millisecond are cut off.

    Text is RFC 3339, and what Java and Python also write: no seconds, ``+0200`` without a colon, a space for ``T``.
    A leap second counts as the second after it.

    Raises:
        ValueError: what is wrong, and where it can be guessed, how to repair it.
    """
    if type(value) is int:
        if MIN_EPOCH_MS <= value <= MAX_EPOCH_MS:
            return value
        raise ValueError(_out_of_range(value))
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a time")
        return to_epoch_ms(int(value) if value <= MAX_EPOCH_MS else math.ceil(value))
    raise ValueError(f"a timestamp is a number or text, not {type(value).__name__}")


def to_rfc3339(epoch_ms: int) -> str:
    """Text such as ``2026-11-24T12:00:00.000Z``: UTC, always with milliseconds, so that text order is time order.

    Raises:
        ValueError: outside of the years 1 to 9999.
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        raise ValueError(f"{epoch_ms} ms is outside of the years 1 to 9999") from None
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _parse(text: str) -> int:
    if not _SHORTEST <= len(text) <= _LONGEST or text[4] != "-" or text[7] != "-" or text[10] not in "Tt ":
        hint = "; write epoch milliseconds as a JSON number" if text.strip().isdecimal() else ""
        raise ValueError(f"{text[:40]!r} is not RFC 3339, such as 2026-11-24T12:00:00Z{hint}")
    extra_ms = 0
    if text[17:19] == "60":  # RFC 3339 allows a leap second, datetime does not.
        text, extra_ms = f"{text[:17]}59{text[19:]}", 1000
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not RFC 3339: {error}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset from UTC; append Z or, for example, +02:00")
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise ValueError(f"{text[:40]!r} is not in the years {MIN_YEAR} to {MAX_YEAR}")
    since = moment - _EPOCH
    return since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000 + extra_ms


def _out_of_range(value: int) -> str:
    if 0 <= value < MIN_EPOCH_MS:
        return f"{value} looks like epoch seconds; multiply by 1000"
    if value < 0:
        return f"{value} is negative; epoch milliseconds count from 1970"
    digits = f"a number of {len(str(value))} digits" if value.bit_length() <= 128 else "the number"
    return f"{digits} looks like epoch microseconds or nanoseconds; divide by 1,000 or 1,000,000"
