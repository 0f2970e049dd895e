"""A dead letter as data. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftbell.runtime.printable import printable
from driftbell.schemas import Headers
from driftbell.schemas.dead_letter import HEADER_PREFIX

#: Headers of a dead letter that was cut.
_CUT = tuple(HEADER_PREFIX + name for name in ("key.omitted.", "value.omitted.", "headers.omitted"))


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be used: where it came from, why, and itself, untouched."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    #: All headers, the ``dlq.`` ones too.
    headers: Headers

    @property
    def identity(self) -> tuple[str, int, int]:
        """A letter may be written twice, after a crash; the same identity is the same letter."""
        return self.topic, self.partition, self.offset

    @property
    def whole(self) -> bool:
        """Whether it is all here: what did not fit its topic was cut, and is no event any more."""
        return not any(name.startswith(_CUT) for name, _ in self.headers)


def letter_of(key: bytes | None, value: bytes | None, headers: Headers) -> Letter | None:
    """The letter of a record; None for a record that carries no origin, which is not driftbell's."""
    said = {
        name.removeprefix(HEADER_PREFIX): (header or b"").decode(errors="replace")
        for name, header in headers
        if name.startswith(HEADER_PREFIX)
    }
    try:
        return Letter(
            topic=said["topic"],
            partition=int(said["partition"]),
            offset=int(said["offset"]),
            reason=said["reason"],
            detail=said.get("exception.message", ""),
            key=key,
            value=value,
            headers=headers,
        )
    except (KeyError, ValueError):
        return None


def headers_to_resend(letter: Letter) -> Headers:
    """The headers with which the record was first published."""
    return [(name, value) for name, value in letter.headers if not name.startswith(HEADER_PREFIX)]


@dataclass(frozen=True, slots=True)
class Kind:
    """The letters of one topic and reason."""

    topic: str
    reason: str
    count: int
    #: The latest of them: where it was, and what was wrong.
    partition: int
    offset: int
    detail: str


def kinds(letters: Iterable[Letter]) -> list[Kind]:
    """The letters by topic and reason, most frequent first, each with its latest example."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], Letter] = {}
    for letter in letters:
        counts[letter.topic, letter.reason] += 1
        examples[letter.topic, letter.reason] = letter
    found = []
    for (topic, reason), count in counts.most_common():
        latest = examples[topic, reason]
        found.append(Kind(topic, reason, count, latest.partition, latest.offset, latest.detail))
    return found


def summary(letters: Iterable[Letter]) -> Iterator[str]:
    """Two lines per topic and reason, for people; control characters are escaped."""
    for kind in kinds(letters):
        yield printable(f"{kind.count:>8,}  {kind.topic}  {kind.reason}")
        yield printable(f"{'':>8}  latest: partition {kind.partition}, offset {kind.offset}: {kind.detail}")
