"""What may hold a firing alert back at a flush: the seam where inhibition, silences and time intervals come in.

A stage answers for one alert. It never sees a resolved alert that a channel was sent: those always pass, because
what was opened is closed. A muted alert that a channel was sent keeps its incident open there, without repeats.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from driftbell.alerting.state.records import Group
from driftbell.schemas import Alert


class Muted(enum.StrEnum):
    """Why an alert is held back."""

    INHIBITED = "inhibited"
    SILENCED = "silenced"
    TIME_INTERVAL = "time_interval"


class Muter(Protocol):
    """Pure: no I/O, the clock is an argument."""

    def mute(self, group: Group, alert: Alert, now_ms: int) -> Muted | None:
        """Why the alert must not be notified now; None when this stage has nothing against it."""


def muted(muters: Sequence[Muter], group: Group, alert: Alert, now_ms: int) -> Muted | None:
    """The first stage's objection, in Alertmanager's order of the pipeline."""
    for stage in muters:
        reason = stage.mute(group, alert, now_ms)
        if reason is not None:
            return reason
    return None
