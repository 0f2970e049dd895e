"""The versions, or variants, of a model beyond those that are watched one by one: how many, which for example, since when."""

from __future__ import annotations

import zlib
from bisect import insort
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from driftbell.runtime.wording import count
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.subject import OTHER

#: Names shown in the alert, and how much of each: a name may have 256 characters.
_EXAMPLES: Final = 3
_LONGEST: Final = 60

#: Smallest hashes kept to estimate how many names there were (k minimum values, Bar-Yossef et al. 2002): off by about
#: 1 / sqrt(k), and exact below k. A set of the names would hold one for every request of a mistaken producer.
_HASHES: Final = 256
_HASH_RANGE: Final = 2**32


class Crowd:
    """Names for which there was no room since it was last quiet. Pure, bounded, part of the model's state.

    A subclass says what they name. Times are stream time in ms.
    """

    #: What is crowded, in words, and how it is told.
    one: ClassVar[str]
    many: ClassVar[str]
    alertname: ClassVar[str]
    reason: ClassVar[str]
    setting: ClassVar[str]
    #: What the producer does wrong.
    meaning: ClassVar[str]

    def __init__(self, quiet_ms: int, limit: int) -> None:
        self._quiet_ms = quiet_ms
        self._limit = limit
        self._first: list[str] = []
        self._hashes: list[int] = []
        self._events = 0
        self._start_ms = 0
        self._last_ms = 0

    def note(self, name: str, now_ms: int) -> None:
        """A prediction came under this name."""
        if not self._events:
            self._start_ms = now_ms
        self._events += 1
        self._last_ms = now_ms
        if len(self._first) < _EXAMPLES and name[:_LONGEST] not in self._first:
            self._first.append(name[:_LONGEST])
        hashed = zlib.crc32(name.encode("utf-8", "surrogatepass"))
        hashes = self._hashes
        if (len(hashes) < _HASHES or hashed < hashes[-1]) and hashed not in hashes:
            insort(hashes, hashed)
            del hashes[_HASHES:]

    @property
    def names(self) -> int:
        """How many different names there were, about."""
        if len(self._hashes) < _HASHES:
            return len(self._hashes)
        return round((_HASHES - 1) * _HASH_RANGE / (self._hashes[-1] + 1))

    def over(self, now_ms: int) -> bool:
        """Whether nothing more has come for as long as it takes a place to become free."""
        return now_ms >= self.due_ms()

    def due_ms(self) -> int:
        """When it is over if nothing more comes."""
        return self._last_ms + self._quiet_ms

    def condition(self) -> Condition:
        """What to say of it."""
        about = "about " if len(self._hashes) >= _HASHES else ""
        examples = ", ".join(repr(name) for name in self._first)
        return Condition(
            alertname=self.alertname,
            family=Family.HEALTH,
            severity="warning",
            reason=self.reason,
            metric=self.many,
            value=float(self.names),
            threshold=float(self._limit),
            window_events=self._events,
            window_start_ms=self._start_ms,
            summary=(
                f"{about}{count(self.names, self.many)} beyond the {self._limit} for which there is room "
                f"({self.setting}), such as {examples}; their {count(self._events, 'predictions')} are watched together as "
                f"{self.one} {OTHER!r}. {self.meaning}"
            ),
        )

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            "first": list(self._first),
            "hashes": list(self._hashes),
            "events": self._events,
            "start_ms": self._start_ms,
            "last_ms": self._last_ms,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._first, self._hashes = list(state["first"]), list(state["hashes"])
        self._events, self._start_ms, self._last_ms = state["events"], state["start_ms"], state["last_ms"]


class Versions(Crowd):
    """Versions of one variant."""

    one, many = "version", "versions"
    alertname, reason = "TooManyVersions", "too_many_versions"
    setting = "worker.max_subjects_per_model"
    meaning = "Name the model's deployment in version, not the request, the time or the build of the service"


class Variants(Crowd):
    """Variants of a model."""

    one, many = "variant", "variants"
    alertname, reason = "TooManyVariants", "too_many_variants"
    setting = "worker.max_variants_per_model"
    meaning = "Name one of a few arms in variant (live, shadow, a canary), not the request or the user; those are tags"


def crowd_of(variant: str, quiet_ms: int, limits: tuple[int, int]) -> Crowd:
    """The crowd that is told of a variant: in the place where further variants are put, of variants; else of versions.

    Args:
        limits: Most subjects and most variants of the model.
    """
    return Variants(quiet_ms, limits[1]) if variant == OTHER else Versions(quiet_ms, limits[0])
