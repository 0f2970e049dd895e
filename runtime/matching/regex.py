r"""RE2's regular expressions, as Alertmanager's configuration has them (github.com/google/re2/wiki/Syntax).

Matching takes time linear in the text, whatever the pattern.
"""

from __future__ import annotations

import re
from typing import Any

#: One byte of UTF-8: RE2's own, which Go's engine, and so Alertmanager, refuses.
_BYTE = re.compile(r"(?:\\Q.*?(?:\\E|$)|\\[^C]|[^\\])*\\C", re.DOTALL)

#: Memory of a pattern that comes with a request, bytes: some 40,000 instructions, enough for any 10,000 characters that are
#: taken literally. It is compiled within some 10 ms, or refused; a whole configuration may take RE2's own 8 MB for each.
REQUEST_BYTES = 1 << 20


class BadRegexError(ValueError):
    """The pattern is wrong; the message says why."""


class Regex:
    """A compiled pattern, anchored at both ends as Alertmanager does (``^(?:...)$``).

    Args:
        pattern: in RE2's syntax.
        most_bytes: of memory for it, compiled; None for RE2's own bound (8 MB).

    Raises:
        BadRegexError: it is too large, it is no RE2 pattern (look-around, back-references, possessive or atomic groups are
            not), or RE2 is not there.
    """

    __slots__ = ("_compiled", "pattern")

    def __init__(self, pattern: str, most_bytes: int | None = None) -> None:
        self.pattern = pattern
        self._compiled = _compile(pattern, most_bytes)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        # A lone surrogate has no UTF-8; it matches what an unknown character matches.
        return self._compiled.search(text.encode(errors="replace")) is not None

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r})"


def _compile(pattern: str, most_bytes: int | None) -> Any:
    try:
        import re2
    except ImportError as error:
        raise BadRegexError(
            f"{pattern!r} needs RE2, and this Python cannot load it ({error}): install google-re2, which has wheels for "
            "CPython 3.11 to 3.14 on Linux (glibc), macOS and Windows, or match with = and != only"
        ) from error
    if _BYTE.match(pattern):
        raise BadRegexError(f"{pattern!r} is not a regular expression: invalid escape sequence: \\C")
    options = re2.Options()
    options.log_errors = False
    if most_bytes is not None:
        options.max_mem = most_bytes
    try:
        return re2.compile(f"^(?:{pattern})$".encode(), options=options)
    except (re2.error, UnicodeEncodeError) as error:
        detail = error.args[0] if error.args and not isinstance(error, UnicodeEncodeError) else str(error)
        detail = detail.decode(errors="replace") if isinstance(detail, bytes) else detail
        # Only what was written is shown, without the anchors around it.
        detail = detail.replace(f"^(?:{pattern})$", pattern)
        raise BadRegexError(f"{pattern!r} is not a regular expression: {detail}") from error
