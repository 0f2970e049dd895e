"""Times of events, as epoch milliseconds."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

from driftbell_client.plain import plain
from driftbell_client.refused import Refused
from driftbell_client.stats import DropReason

#: What a caller may give as a time.
Time = datetime | int | float | str

#: The years 1980 to 2199, as in driftbell's contract. Lower numbers are seconds in practice, higher ones microseconds.
_MIN_MS = 315_532_800_000
_MAX_MS = 7_258_118_399_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ms(moment: Time | None) -> int:
    """Epoch milliseconds of ``moment``: an aware datetime, RFC 3339 text or epoch milliseconds; None means now.

    A naive datetime is refused: local time and UTC look the same, and a wrong guess shifts every window.

    Raises:
        Refused: with a hint.
    """
    if moment is None:
        return time.time_ns() // 1_000_000
    if isinstance(moment, str):
        moment = _parse(moment)
    if isinstance(moment, datetime):
        if moment.utcoffset() is None:
            raise _refused(f"{moment.isoformat()} has no time zone; use datetime.now(UTC)")
        epoch = (moment - _EPOCH) // timedelta(milliseconds=1)
        if not _MIN_MS <= epoch <= _MAX_MS:
            raise _refused(f"{moment.isoformat()} is not in the years 1980 to 2199")
        return epoch
    if type(moment) is not int:
        moment = _to_number(moment)
    if not math.isfinite(moment):
        raise _refused(f"{moment} is not a time")
    return _in_range(int(moment))


def _in_range(epoch: int) -> int:
    if epoch < _MIN_MS:
        raise _refused(f"{epoch} looks like seconds; multiply by 1000, or leave it out for now")
    if epoch > _MAX_MS:
        raise _refused("the number looks like microseconds or nanoseconds, not milliseconds")
    return epoch


def _to_number(moment: object) -> float:
    """Floats, and the integers and floats of numpy."""
    found = plain(moment, "timestamp")
    if isinstance(found, bool | str | None):
        raise _refused(f"{str(moment)[:40]!r} is not a time")
    return found


def _parse(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise _refused(f"{text[:40]!r} is not RFC 3339") from None


def _refused(detail: str) -> Refused:
    return Refused(DropReason.BAD_TIMESTAMP, f"timestamp: {detail}")
