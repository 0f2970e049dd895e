"""Untrusted text made safe and short: what events carry ends up in chats, headers and messages."""

from __future__ import annotations

import re

from driftbell.runtime.printable import CONTROLS

_UNSAFE = re.compile(f"[{CONTROLS}]")
_BREAKS = re.compile(r"[\t\n\u2028\u2029\x0b\x0c\r\x85]+")

ELLIPSIS = "…"


def clean(text: str) -> str:
    """The text without control characters; newlines and tabs stay."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text as one line without control characters."""
    return clean(_BREAKS.sub(" ", text)).strip()


def truncate(text: str, limit: int) -> str:
    """At most ``limit`` characters (code points); the last is an ellipsis if something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def truncate_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, cut between characters; ends with an ellipsis if something was cut."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: limit - len(ELLIPSIS.encode())].decode(errors="ignore") + ELLIPSIS


def web_address(text: str) -> str | None:
    """The text if it is an http or https address that is safe to put into a link, else None."""
    address = text.strip()
    return address if re.fullmatch(r"https?://[^\s<>|\"\\\x00-\x1f\x7f]{1,2900}", address) else None
