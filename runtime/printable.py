"""Text from outside on a terminal or in a log: characters that steer a terminal, or forge a line, are written out."""

from __future__ import annotations

import re

#: A character class of what is never shown as it is: C0 and C1 controls (but tab and newline), line and paragraph
#: separators, lone surrogates, the characters that change the direction of the text after them (trojansource.codes), and
#: those that nobody sees, but for the joiners U+200C and U+200D, which scripts and emojis need.
CONTROLS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069"
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"
)

_IN_LINES = re.compile(f"[{CONTROLS}]")
_IN_A_LINE = re.compile(f"[\t\n{CONTROLS}]")


def printable(text: str) -> str:
    r"""The text as one line in which control characters are escaped as in Python's literals.

    >>> printable("fraud\x1b[2J\nok")
    'fraud\\x1b[2J\\nok'
    """
    return _IN_A_LINE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """The same for text of several lines: newlines and tabs stay."""
    return _IN_LINES.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
