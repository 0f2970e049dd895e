"""Alertmanager's label matchers: ``severity="critical"``, ``team=~"fraud|risk"``, ``model!="test"``, ``env!~"dev.*"``.

Grammar and unquoting follow Alertmanager 0.25 (``pkg/labels/parse.go``).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field

from driftbell.runtime.matching.regex import BadRegexError, Regex

# Go's blanks: Python knows more of them.
_MATCHER = re.compile(
    r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*(.*?)[\t\n\f\r ]*", re.DOTALL
)
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class BadMatcherError(ValueError):
    """The text is not a matcher; the message says why.

    Args:
        message: for people.
        alertmanager: what Alertmanager says of it, for those who ask as they ask it.
    """

    def __init__(self, message: str, alertmanager: str = "") -> None:
        super().__init__(message)
        self.alertmanager = alertmanager or message


class Operator(enum.StrEnum):
    """How a matcher compares. The order of the members is Alertmanager's, which sorts by it."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


_ORDER = {operator: index for index, operator in enumerate(Operator)}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison of one label. An absent label compares as the empty text; a regex must match the whole value.

    Args:
        name: of the label.
        operator: how it compares.
        value: with what.
        most_bytes: of memory for a regular expression; None for RE2's own bound.

    Raises:
        BadMatcherError: the value is not a regular expression of RE2.
    """

    name: str
    operator: Operator
    value: str
    most_bytes: InitVar[int | None] = None
    _pattern: Regex | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self, most_bytes: int | None) -> None:
        if self.operator in (Operator.REGEX, Operator.NOT_REGEX):
            try:
                object.__setattr__(self, "_pattern", Regex(self.value, most_bytes))
            except BadRegexError as error:
                raise BadMatcherError(str(error), f"error parsing regexp: {error}") from error

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels matches."""
        value = labels.get(self.name, "")
        if self._pattern is None:
            return (value == self.value) is (self.operator is Operator.EQUAL)
        return self._pattern.matches(value) is (self.operator is Operator.REGEX)

    @property
    def sort_key(self) -> tuple[str, str, int]:
        """Alertmanager's order inside a set of matchers: name, value, operator."""
        return (self.name, self.value, _ORDER[self.operator])

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{self.name}{self.operator}"{escaped}"'


def describe(matchers: Iterable[Matcher]) -> str:
    """The matchers as Alertmanager prints them in route and group keys: ``{a="b",c=~"d"}``."""
    return "{" + ",".join(str(matcher) for matcher in matchers) + "}"


def is_label_name(text: str) -> bool:
    """Whether ``text`` may be the name of a label (Prometheus' data model)."""
    return _LABEL_NAME.fullmatch(text) is not None


def parse_matchers(text: str) -> list[Matcher]:
    """Parse one or several matchers separated by commas, with or without braces around all.

    Raises:
        BadMatcherError: the message quotes the part that is wrong.
    """
    text = text.removeprefix("{").removesuffix("}")
    parts: list[str] = []
    part: list[str] = []
    quoted = escaped = False
    for character in text:
        if character == "," and not quoted:
            parts.append("".join(part))
            part = []
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        part.append(character)
    last = "".join(part).strip()
    if last:
        parts.append(last)
    return [parse_matcher(part) for part in parts]


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy all of the matchers; none are satisfied by any labels."""
    return all(matcher.matches(labels) for matcher in matchers)


def all_matchers(match: Mapping[str, str], match_re: Mapping[str, str], matchers: Iterable[str]) -> tuple[Matcher, ...]:
    """The three forms in which Alertmanager's file has matchers, as one set in its order.

    Raises:
        BadMatcherError: one of them is none.
    """
    found = [Matcher(name, Operator.EQUAL, value) for name, value in match.items()]
    found += [Matcher(name, Operator.REGEX, value) for name, value in match_re.items()]
    for text in matchers:
        found += parse_matchers(text)
    return tuple(sorted(found, key=lambda matcher: matcher.sort_key))


def parse_matcher(text: str, most_bytes: int | None = None) -> Matcher:
    """Parse one matcher, whose regular expression takes at most so much memory.

    Raises:
        BadMatcherError: the message quotes the text.
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise BadMatcherError(f"{text!r} is not a matcher", f"bad matcher format: {text}")
    name, operator, raw = found.groups()
    return Matcher(name, Operator(operator), _unquote(raw), most_bytes)


def _unquote(raw: str) -> str:
    unescaped = f"matcher value contains unescaped double quote: {raw}"
    quoted = raw.startswith('"')
    body = raw[1:] if quoted else raw
    value: list[str] = []
    escaped = False
    for index, character in enumerate(body):
        last = index == len(body) - 1
        if escaped:
            escaped = False
            value.append({"n": "\n", '"': '"', "\\": "\\"}.get(character, "\\" + character))
        elif character == "\\" and not last:
            escaped = True
        elif character == '"':
            if not (quoted and last):
                raise BadMatcherError(f"{raw!r} has an unescaped double quote", unescaped)
            quoted = False
        else:
            value.append(character)
    if quoted:
        raise BadMatcherError(f"{raw!r} lacks its closing double quote", unescaped)
    return "".join(value)
