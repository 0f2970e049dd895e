"""Names beyond those that are watched one by one (versions and variants of a model, models): how many, which, since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from driftbell.runtime.wording import count
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.stats import NameCount
from driftbell.streams.subject import OTHER


class Crowd:
    """Names for which there was no room since it was last quiet. Pure, bounded, part of the model's state.

    A subclass says what they name. Times are stream time in ms.
    """

    #: What is crowded, in words, how it is told, and what became of its events.
    many: ClassVar[str]
    what: ClassVar[str] = "predictions"
    fate: ClassVar[str]
    alertname: ClassVar[str]
    reason: ClassVar[str]
    setting: ClassVar[str]
    #: What the producer does wrong.
    meaning: ClassVar[str]

    def __init__(self, quiet_ms: int, limit: int) -> None:
        self._quiet_ms = quiet_ms
        self._limit = limit
        self._names = NameCount()
        self._events = 0
        self._start_ms = 0
        self._last_ms = 0

    def note(self, name: str, now_ms: int) -> None:
        """An event came under this name."""
        if not self._events:
            self._start_ms = now_ms
        self._events += 1
        self._last_ms = now_ms
        self._names.note(name)

    @property
    def names(self) -> int:
        """How many different names there were, about."""
        return self._names.count

    def over(self, now_ms: int) -> bool:
        """Whether nothing more has come for as long as it takes a place to become free."""
        return now_ms >= self.due_ms()

    def due_ms(self) -> int:
        """When it is over if nothing more comes."""
        return self._last_ms + self._quiet_ms

    def condition(self) -> Condition:
        """What to say of it."""
        names = self._names
        about = "" if names.exact else "about "
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
                f"({self.setting}), such as {names.examples}; their {count(self._events, self.what)} {self.fate}. "
                f"{self.meaning}"
            ),
        )

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            "first": list(self._names.first),
            "hashes": list(self._names.hashes),
            "events": self._events,
            "start_ms": self._start_ms,
            "last_ms": self._last_ms,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._names = NameCount(state["first"], state["hashes"])
        self._events, self._start_ms, self._last_ms = state["events"], state["start_ms"], state["last_ms"]


class Versions(Crowd):
    """Versions of one variant."""

    many, fate = "versions", f"are watched together as version {OTHER!r}"
    alertname, reason = "TooManyVersions", "too_many_versions"
    setting = "worker.max_subjects_per_model"
    meaning = "Name the model's deployment in version, not the request, the time or the build of the service"


class Variants(Crowd):
    """Variants of a model."""

    many, fate = "variants", f"are watched together as variant {OTHER!r}"
    alertname, reason = "TooManyVariants", "too_many_variants"
    setting = "worker.max_variants_per_model"
    meaning = "Name one of a few arms in variant (live, shadow, a canary), not the request or the user; those are tags"


class ModelNames(Crowd):
    """Models of a partition."""

    many, what, fate = "models", "records", "are dead letters (too_many_models), and nobody watches them"
    alertname, reason = "TooManyModels", "too_many_models"
    setting = "worker.max_models_per_partition"
    meaning = "Name the model in model, not the request, the customer or the time; those are tags"


def crowd_of(variant: str, quiet_ms: int, limits: tuple[int, int]) -> Crowd:
    """The crowd that is told of a variant: in the place where further variants are put, of variants; else of versions.

    Args:
        limits: Most subjects and most variants of the model.
    """
    return Variants(quiet_ms, limits[1]) if variant == OTHER else Versions(quiet_ms, limits[0])
