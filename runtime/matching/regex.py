"""RE2's regular expressions on Python's engine: the common part is translated, the rest is refused, never misread.

Alertmanager's configuration is written in RE2's syntax (github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import re
import typing
import warnings

#: RE2 refuses a larger repetition, because it copies the repeated part.
MAX_REPETITION = 1000


class BadRegexError(ValueError):
    """The pattern is wrong, or RE2 and Python would not read it alike; the message says where."""


def compile_regex(pattern: str) -> re.Pattern[str]:
    r"""Compile an RE2 pattern for ``fullmatch``.

    Raises:
        BadRegexError: RE2 does not know it (look-around, back-references, possessive or atomic groups), or it is
            RE2's alone (``\pL``, ``\Q..\E``, flags in the middle) and Python would read it differently.
    """
    translated = _Translation(pattern).run()
    try:
        with warnings.catch_warnings():
            # Python warns where it may give a construct another meaning one day; today's meaning is RE2's only without.
            warnings.simplefilter("error")
            return re.compile(translated, re.ASCII)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        raise BadRegexError(f"{pattern!r} is not a regular expression: {error}") from error


_SHARED_ESCAPES = frozenset("dDwWbBAntrfva")
_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ",
    "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_GROUP = re.compile(r"\(\?(?:P<[A-Za-z_]\w*>|[ims]*(?:-[ims]+)?:)", re.ASCII)
_REPETITION = re.compile(r"\{(\d+)(?:,(\d*))?\}", re.ASCII)


class _Translation:
    """One pass over a pattern, from RE2's syntax to Python's."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.multiline = False

    def run(self) -> str:
        flags = _FLAGS.match(self.pattern)
        if flags:
            self.multiline = "m" in flags[1]
            self._take(flags[0])
        while self.at < len(self.pattern):
            self._step(self.pattern[self.at])
        return "".join(self.out)

    def _step(self, character: str) -> None:
        if character == "\\":
            self._escape()
        elif character == "[":
            self._set()
        elif self.pattern.startswith("(?", self.at):
            group = _GROUP.match(self.pattern, self.at)
            if group is None:
                self._refuse("a group that is not (...), (?:...), (?P<name>...) or (?i:...); flags go first")
            self._take(group[0])
        elif character in "*+?{":
            self._repetition(character)
        elif character == "$" and not self.multiline:
            # Python's $ also matches before a last newline, RE2's does not.
            self._take(character, r"\Z")
        else:
            self._take(character)

    def _escape(self, in_set: bool = False) -> None:
        following = self.pattern[self.at + 1 : self.at + 2]
        if following == "x":
            code = re.compile(r"\\x([0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})").match(self.pattern, self.at)
            if code is None or int(code[1].strip("{}"), 16) > 0x10FFFF:
                self._refuse("a bad \\x escape")
            self._take(code[0], re.escape(chr(int(code[1].strip("{}"), 16))))
        elif following in "sS" and following:
            # RE2's \\s lacks the vertical tab that Python's has.
            space = r"\t\n\f\r "
            complement = r"\S\v" if in_set else f"[^{space}]"
            positive = space if in_set else f"[{space}]"
            self._take("\\" + following, positive if following == "s" else complement)
        elif following == "z" and not in_set:
            self._take("\\z", r"\Z")
        elif following in _SHARED_ESCAPES and not (in_set and following in "bBA"):
            self._take("\\" + following)
        elif following and following.isascii() and not following.isalnum():
            self._take("\\" + following, re.escape(following))
        else:
            self._refuse(f"\\{following}")

    def _set(self) -> None:
        start = re.compile(r"\[\^?\]?").match(self.pattern, self.at)
        if start is None:
            self._refuse("a set")
        self._take(start[0], start[0].replace("]", r"\]"))
        while True:
            character = self.pattern[self.at : self.at + 1]
            posix = re.compile(r"\[:(\^?)(\w+):\]").match(self.pattern, self.at)
            if not character:
                self._refuse("a set without its end")
            elif character == "]":
                self._take(character)
                return
            elif posix:
                if posix[1] or posix[2] not in _POSIX_CLASSES:
                    self._refuse(posix[0])
                self._take(posix[0], _POSIX_CLASSES[posix[2]])
            elif character == "\\":
                self._escape(in_set=True)
            elif character in "[&|~":
                self._take(character, "\\" + character)
            else:
                self._take(character)

    def _repetition(self, character: str) -> None:
        text = character
        if character == "{":
            counted = _REPETITION.match(self.pattern, self.at)
            if counted is None:
                self._take("{", r"\{")
                return
            if max(int(count) for count in counted.groups() if count) > MAX_REPETITION:
                self._refuse(f"a repetition above {MAX_REPETITION}")
            text = counted[0]
        if self.pattern.startswith("?", self.at + len(text)):
            text += "?"
        following = self.pattern[self.at + len(text) : self.at + len(text) + 1]
        if (following and following in "*+?") or _REPETITION.match(self.pattern, self.at + len(text)):
            self._refuse("a repetition of a repetition")
        self._take(text)

    def _take(self, source: str, target: str | None = None) -> None:
        self.at += len(source)
        self.out.append(source if target is None else target)

    def _refuse(self, what: str) -> typing.NoReturn:
        raise BadRegexError(f"{self.pattern!r} has {what} at position {self.at}, which RE2 and Python do not share")
