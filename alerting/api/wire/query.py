"""What a request asks for, in its address: filters, switches, a receiver. Read as Go reads a query."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from driftbell.alerting.api.wire.refusal import refused
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, parse_matcher
from driftbell.runtime.matching.regex import REQUEST_BYTES, BadRegexError, Regex

#: What Alertmanager takes for yes; anything else is no.
_YES: Final = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
#: Filters of one request; a person or Grafana needs a few.
MOST_FILTERS: Final = 100
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def parameters(raw_query: str) -> dict[str, list[bytes]]:
    """The parameters by name, in order. A pair with a bad escape or a semicolon is passed over, as Go does."""
    found: dict[str, list[bytes]] = {}
    for pair in raw_query.split("&"):
        if not pair or ";" in pair:
            continue
        name, _, value = pair.partition("=")
        decoded = [_unescaped(part) for part in (name, value)]
        if decoded[0] is not None and decoded[1] is not None:
            found.setdefault(decoded[0].decode(errors="replace"), []).append(decoded[1])
    return found


def _unescaped(text: str) -> bytes | None:
    raw = text.replace("+", " ").encode("utf-8", "surrogateescape")
    for index, byte in enumerate(raw):
        if byte == ord("%") and not (len(raw) > index + 2 and raw[index + 1] in _HEX and raw[index + 2] in _HEX):
            return None
    return unquote_to_bytes(raw)


async def filters(asked: Mapping[str, list[bytes]]) -> list[Matcher]:
    """The matchers of ``filter``; between two of them the event loop has its turn.

    Raises:
        RequestRefusedError: one is none, or they are too many.
    """
    texts = asked.get("filter", [])
    if len(texts) > MOST_FILTERS:
        raise refused(400, f"{len(texts):,} filters, and at most {MOST_FILTERS} are taken")
    found = []
    for raw in texts:
        await asyncio.sleep(0)
        text = raw.decode(errors="replace")
        try:
            found.append(parse_matcher(text, REQUEST_BYTES))
        except BadMatcherError as error:
            raise refused(400, error.alertmanager) from error
        if text.encode() != raw:
            value = re.split("=~|!=|!~|=", text, maxsplit=1)[1].strip()
            raise refused(400, f"matcher value not valid UTF-8: {value}")
    return found


def switch(asked: Mapping[str, list[bytes]], name: str) -> bool:
    """A switch that is on unless it says otherwise."""
    values = asked.get(name)
    return values is None or not values[-1] or values[-1].decode(errors="replace").lower() in _YES


def receiver(asked: Mapping[str, list[bytes]]) -> Regex | None:
    """The pattern that a receiver's name must match as a whole.

    Raises:
        RequestRefusedError: it is no pattern.
    """
    values = asked.get("receiver")
    if values is None or not values[-1]:
        return None
    try:
        return Regex(values[-1].decode(errors="replace"), REQUEST_BYTES)
    except BadRegexError as error:
        raise refused(400, f"failed to parse receiver param: error parsing regexp: {error}") from error


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts are asked for."""

    matchers: tuple[Matcher, ...] = ()
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    receiver: Regex | None = None

    @classmethod
    async def of(cls, raw_query: str) -> AlertQuery:
        """Of an address.

        Raises:
            RequestRefusedError: it cannot be answered.
        """
        asked = parameters(raw_query)
        return cls(
            matchers=tuple(await filters(asked)),
            active=switch(asked, "active"),
            silenced=switch(asked, "silenced"),
            inhibited=switch(asked, "inhibited"),
            receiver=receiver(asked),
        )
