"""Times of requests, as Alertmanager reads them (``go-openapi/strfmt``): RFC 3339 and a few shorter forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

#: With a ``T``: seconds may have a fraction of any length, a zone is optional; without seconds only ``Z`` may follow.
_FORMS: Final = (
    re.compile(
        r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)?",
        re.ASCII,
    ),
    re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d)()()(Z)?", re.ASCII),
    re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?()", re.ASCII),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class BadMomentError(ValueError):
    """A text is no time; the message says so."""


def moment_ms(text: str) -> int | None:
    """Epoch milliseconds, fractions of one cut off; None for Go's zero time, which means "not given".

    Raises:
        BadMomentError: it is no time, or none that a calendar has.
    """
    if not text:
        # What Alertmanager makes of an empty text.
        return 0
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None:
        raise BadMomentError(f"{text[:100]!r} is not a time; write it as 2026-12-01T08:00:00Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, zone = found[7] or "", found[8] or ""
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        moment += timedelta(milliseconds=int(fraction[:3].ljust(3, "0")))
        if zone[:1] in ("+", "-"):
            hours, minutes = int(zone[1:3]), int(zone[4:6])
            away = timedelta(hours=hours, minutes=minutes)
            moment = moment - away if zone[0] == "+" else moment + away
    except (ValueError, OverflowError) as error:
        raise BadMomentError(f"{text[:100]!r} is not a time: {error}") from error
    if (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second) == (1, 1, 1, 0, 0, 0):
        return None
    return (moment - _EPOCH) // _MILLISECOND
