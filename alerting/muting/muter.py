"""What may hold a firing alert back at a flush: the seam where inhibition, silences and time intervals come in.

A muter answers for one alert. It is never asked about a resolved alert that a channel was sent: those always pass, because
what was opened is closed. A muted alert that a channel was sent keeps its incident open there, without repeats.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from driftbell.alerting.routing.routes import Node
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.alerting.state.records import Acknowledgement, Group
from driftbell.alerting.state.silence import Silences
from driftbell.schemas import Alert

#: For those that have none.
NO_SILENCES: Final = Silences()


def by_nobody(fingerprint: str) -> Acknowledgement | None:
    """The acknowledgement of an alert where there are none."""
    return None


class MuteKind(enum.StrEnum):
    """Why an alert is held back. The value is the log field and what tests assert."""

    INHIBITED = "inhibited"
    SILENCED = "silenced"
    TIME_INTERVAL = "time_interval"
    #: Somebody has taken it on.
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class MuteContext:
    """What a muter may look at besides the alert.

    Args:
        route: of the group; None when it is gone from the configuration.
        group: the group that is flushed; to be read only.
        firing: all alerts that fire now, of any group.
        now_ms: the router's clock, epoch milliseconds.
        silences: all that are kept.
        acknowledgement: of an alert, by its fingerprint; None: nobody has taken it on.
    """

    route: Node | None
    group: Group
    firing: FiringAlerts
    now_ms: int
    silences: Silences = NO_SILENCES
    acknowledgement: Callable[[str], Acknowledgement | None] = by_nobody


@dataclass(frozen=True, slots=True)
class Muting:
    """One reason to hold an alert back.

    Args:
        kind: what mutes.
        ids: which: fingerprints of the inhibiting alerts (``inhibitedBy``), ids of the silences (``silencedBy``), names of
            the time intervals, who has acknowledged it.
    """

    kind: MuteKind
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MuteAnswer:
    """What a muter says of one alert.

    Args:
        muting: None when it has nothing against the alert.
        changes_ms: when the answer may change though no alert changes (a silence ends, an interval begins); None: never.
    """

    muting: Muting | None = None
    changes_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """What all muters together say of one alert; it is held back if ``by`` is not empty."""

    by: tuple[Muting, ...] = ()
    changes_ms: int | None = None

    def __bool__(self) -> bool:
        return bool(self.by)

    def ids(self, kind: MuteKind) -> tuple[str, ...]:
        """The ids of one kind: ``silencedBy`` and ``inhibitedBy`` of Alertmanager's API."""
        return tuple(name for muting in self.by if muting.kind is kind for name in muting.ids)

    def __str__(self) -> str:
        return "; ".join(f"{muting.kind} by {', '.join(muting.ids)}" for muting in self.by)


class Muter(Protocol):
    """Pure: no I/O, the clock is in the context."""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        """Whether the alert must be held back now."""


def muted(muters: Sequence[Muter], alert: Alert, context: MuteContext) -> Muted:
    """Ask all muters, in Alertmanager's order of the pipeline."""
    answers = [muter.mute(alert, context) for muter in muters]
    return Muted(
        by=tuple(answer.muting for answer in answers if answer.muting is not None),
        changes_ms=min((answer.changes_ms for answer in answers if answer.changes_ms is not None), default=None),
    )
