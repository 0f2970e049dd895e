"""Every output is cut to what its topic takes before it is sent, so that no broker ever refuses one for its size.

A refusal costs more than the record: its batch has used sequence numbers of the idempotent producer, and all that follows is
refused as well (``OutOfOrderSequenceNumber``).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from driftbell.schemas import Alert, Metric
from driftbell.schemas.codec import encode_alert, encode_metric
from driftbell.schemas.dead_letter import HEADER_PREFIX
from driftbell.streams.records import Headers

#: Bytes of a batch of one record beyond its key, value and headers: 61 of the batch, at most 31 of the record.
FRAME_BYTES = 92

#: Bytes of a header beyond its name and value: two lengths.
HEADER_FRAME_BYTES = 10

#: A key, or the headers of a producer, that do not fit are cut to so many bytes: the value is what people look at.
KEPT_KEY_BYTES = 1024
KEPT_HEADERS_BYTES = 2048

#: What is kept of an alert's sentences where the whole does not fit.
KEPT_SENTENCE = 500

#: An output that was cut, and one that had to be left out.
CUT, LEFT_OUT = "cut", "left_out"


class Shape(enum.StrEnum):
    """How an output is cut. The value is a metric label."""

    DEAD_LETTER = "dead_letter"
    ALERT = "alert"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish."""

    shape: Shape
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """The size of the batch that holds nothing else, at most: what ``max.message.bytes`` is held against."""
        headers = sum(len(name.encode()) + len(value or b"") + HEADER_FRAME_BYTES for name, value in self.headers)
        return FRAME_BYTES + len(self.key or b"") + len(self.value or b"") + headers


def fit(message: Message, most: int) -> Message | None:
    """The message, cut to a batch of ``most`` bytes if it is larger; None where nothing of use would be left."""
    return message if message.size <= most else _CUTTERS[message.shape](message, most)


def _dead_letter(message: Message, most: int) -> Message | None:
    """Beginning and end of the value stay, then of the key; headers say the length, the hash and where the gap is."""
    headers = list(message.headers)
    own = [header for header in headers if not header[0].startswith(HEADER_PREFIX)]
    ours = [header for header in headers if header[0].startswith(HEADER_PREFIX)]
    key, value = message.key, message.value
    if key is not None and len(key) > KEPT_KEY_BYTES:
        ours += _gap("key", key, KEPT_KEY_BYTES)
        key = _ends(key, KEPT_KEY_BYTES)
    cut = replace(message, key=key, headers=[*own, *ours])
    if cut.size > most and (left_out := _beyond(own, KEPT_HEADERS_BYTES)):
        own = own[: len(own) - left_out]
        ours.append((HEADER_PREFIX + "headers.omitted", b"%d" % left_out))
        cut = replace(cut, headers=[*own, *ours])
    if cut.size > most and value is not None:
        # The headers of a gap are of one length, whatever is kept, but for digits: sized with the largest.
        marked = replace(cut, value=b"", headers=[*own, *ours, *_gap("value", value, len(value))])
        kept = max(0, most - marked.size - 2 * len(str(len(value))))
        cut = replace(marked, value=_ends(value, kept), headers=[*own, *ours, *_gap("value", value, kept)])
    return cut if cut.size <= most else None


def _gap(what: str, whole: bytes, kept: int) -> list[tuple[str, bytes]]:
    prefix = f"{HEADER_PREFIX}{what}."
    return [
        (prefix + "bytes", b"%d" % len(whole)),
        (prefix + "sha256", hashlib.sha256(whole).hexdigest().encode()),
        (prefix + "omitted.at", b"%d" % (kept - kept // 2)),
        (prefix + "omitted.bytes", b"%d" % (len(whole) - kept)),
    ]


def _ends(whole: bytes, kept: int) -> bytes:
    tail = kept // 2
    return whole[: kept - tail] + whole[len(whole) - tail :]


def _beyond(headers: Headers, most: int) -> int:
    """How many headers, from the first that does not fit, lie beyond so many bytes."""
    taken = 0
    for at, (name, value) in enumerate(headers):
        taken += len(name.encode()) + len(value or b"") + HEADER_FRAME_BYTES
        if taken > most:
            return len(headers) - at
    return 0


def _alert(message: Message, most: int) -> Message | None:
    """What explains goes first, then the ends of the sentences; what identifies an alert stays."""
    if message.value is None:
        return None
    alert = msgspec.json.decode(message.value, type=Alert)
    said = {name: text[:KEPT_SENTENCE] for name, text in alert.annotations.items()}
    plain = msgspec.structs.replace(alert.evidence, features=[])
    for smaller in (
        msgspec.structs.replace(alert, evidence=plain),
        msgspec.structs.replace(alert, evidence=plain, annotations=said),
    ):
        cut = replace(message, value=encode_alert(smaller))
        if cut.size <= most:
            return cut
    return None


def _metric(message: Message, most: int) -> Message | None:
    """The names of what is not watched go; the numbers stay."""
    if message.value is None:
        return None
    metric = msgspec.json.decode(message.value, type=Metric)
    cut = replace(message, value=encode_metric(msgspec.structs.replace(metric, unwatched={})))
    return cut if cut.size <= most else None


_CUTTERS: dict[Shape, Callable[[Message, int], Message | None]] = {
    Shape.DEAD_LETTER: _dead_letter,
    Shape.ALERT: _alert,
    Shape.METRIC: _metric,
}
