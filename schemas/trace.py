"""W3C Trace Context: the ``traceparent`` of an event, checked before it is passed on.

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from driftbell.schemas.headers import Headers

#: Names under which producers send it: as is, and as the CloudEvents extension attribute.
HEADER_NAMES = ("traceparent", "ce_traceparent")

#: version "-" trace-id "-" parent-id "-" flags, lower-case hex. A later version may append more fields after a dash.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_FORBIDDEN_VERSION = "ff"
_KNOWN_VERSION = "00"


@dataclass(frozen=True, slots=True)
class TraceParent:
    """Where an event belongs in a trace. ``str`` of it is the header again, in the version that we know."""

    trace_id: str
    parent_id: str
    flags: int

    @property
    def sampled(self) -> bool:
        """Whether the caller may have recorded the trace."""
        return bool(self.flags & 1)

    def __str__(self) -> str:
        return f"{_KNOWN_VERSION}-{self.trace_id}-{self.parent_id}-{self.flags:02x}"


def parse_traceparent(text: str) -> TraceParent:
    """Read a ``traceparent``. A version above 00 is read as far as 00 defines it, as the standard asks.

    Raises:
        ValueError: with the rule that is broken.
    """
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        raise ValueError("not version-traceid-parentid-flags in lower-case hex of 2, 32, 16 and 2 digits")
    version, trace_id, parent_id, flags, rest = match.groups()
    if version == _FORBIDDEN_VERSION:
        raise ValueError("version ff is forbidden")
    if version == _KNOWN_VERSION and rest is not None:
        raise ValueError("version 00 has four fields only")
    if not trace_id.strip("0"):
        raise ValueError("the trace id is all zeros")
    if not parent_id.strip("0"):
        raise ValueError("the parent id is all zeros")
    return TraceParent(trace_id, parent_id, int(flags, 16))


def traceparent_of(headers: Headers) -> str | None:
    """The valid ``traceparent`` among a record's headers, rewritten in version 00; None if there is none.

    An invalid one is ignored, as the standard asks: it must not keep the event from being used.
    """
    for name, value in headers:
        if value is not None and name.lower() in HEADER_NAMES:
            try:
                return str(parse_traceparent(value.decode("ascii")))
            except ValueError:
                continue
    return None
