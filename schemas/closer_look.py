"""What the types cannot say about an event. The codec looks closer only at events that its quick check flags."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from driftbell.schemas.bad_record import BadRecord
from driftbell.schemas.cloudevents import time_of
from driftbell.schemas.contract import Contract, T
from driftbell.schemas.dead_letter import DeadLetterReason
from driftbell.schemas.feedback import Feedback
from driftbell.schemas.headers import Headers
from driftbell.schemas.identifier import FIRST_VISIBLE, blank
from driftbell.schemas.limits import MAX_TEXT
from driftbell.schemas.prediction import Prediction
from driftbell.schemas.timestamps import to_epoch_ms
from driftbell.schemas.unknown_fields import LONGEST_NAME, nearest

#: Integers beyond it have no 64-bit float; msgspec lets some of them through.
LARGEST_INTEGER = int(sys.float_info.max)

#: Unknown fields that are compared with the missing one, and the longest that is: each costs a tenth of a millisecond or more,
#: and one record has room for tens of thousands.
MOST_COMPARED, LONGEST_COMPARED = 50, 100


def look_closer(
    event: T, contract: Contract[T], value: bytes, headers: Headers, unknown: tuple[str, ...] = ()
) -> T | BadRecord:
    """The event, with the time of its CloudEvent if it has none of its own; or what is wrong with it.

    Args:
        value: the whole record.
        unknown: fields that were left out, for the hint.
    """
    for field in contract.identifiers:
        name = getattr(event, field)
        if name < FIRST_VISIBLE and blank(name):
            return BadRecord(DeadLetterReason.EMPTY_IDENTIFIER, f"nothing but blanks - at `$.{field}`")
    answer = "prediction" if isinstance(event, Prediction) else "label"
    if isinstance(event, Prediction) and event.prediction is None and event.error is None:
        detail = "no `prediction`, and no `error` that says why there is none"
        return with_hint(BadRecord(DeadLetterReason.MISSING_FIELD, detail), contract, unknown)
    found: Any = getattr(event, answer)
    if isinstance(found, int) and abs(found) > LARGEST_INTEGER:
        return BadRecord(DeadLetterReason.NOT_FINITE, f"larger than a 64-bit float can hold - at `$.{answer}`")
    if len(value) > MAX_TEXT and (bad := long_name(event)) is not None:
        return bad
    return event if event.timestamp is not None else _timed(event, value, headers)


def long_name(event: Prediction | Feedback) -> BadRecord | None:
    """The mapping in which a name is too long, if any. Possible only in records of more bytes than ``MAX_TEXT``."""
    for field, mapping in _mappings(event):
        if mapping and max(map(len, mapping)) > MAX_TEXT:
            return BadRecord(
                DeadLetterReason.TEXT_TOO_LONG, f"a name of more than {MAX_TEXT} characters - at `$.{field}`"
            )
    return None


def with_hint(bad: BadRecord, contract: Contract[Any], unknown: Iterable[str]) -> BadRecord:
    """``bad``; if a field is missing, with the unknown one that was probably meant."""
    if bad.reason is not DeadLetterReason.MISSING_FIELD:
        return bad
    missing = bad.detail.split("`")[1]
    compared = islice((name for name in unknown if len(name) <= LONGEST_COMPARED), MOST_COMPARED)
    meant = next((name for name in compared if nearest(name, contract.fields) == missing), None)
    if meant is None:
        return bad
    return BadRecord(bad.reason, f"{bad.detail}; there is a field `{meant[:LONGEST_NAME]}`: call it `{missing}`")


def _mappings(event: Prediction | Feedback) -> Iterable[tuple[str, dict[str, Any]]]:
    yield "tags", event.tags
    if isinstance(event, Prediction):
        yield "features", event.features
        yield "attributions", event.attributions
        if isinstance(event.scores, dict):
            yield "scores", event.scores


def _timed(event: T, value: bytes, headers: Headers) -> T | BadRecord:
    time = time_of(value, headers)
    if time is None:
        return event
    try:
        return msgspec.structs.replace(event, timestamp=to_epoch_ms(time))
    except ValueError as error:
        return BadRecord(DeadLetterReason.BAD_TIMESTAMP, f"the CloudEvent's time: {error}")
