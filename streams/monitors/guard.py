"""The guard of one subject: a part of it that raises is switched off, and the rest goes on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.subject import Subject

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_REASON: Final = 200
#: Where an object lies in memory differs between two runs; what is kept of an error must not.
_ADDRESS: Final = re.compile(r"0x[0-9a-f]+")


class Guard:
    """What of a subject raised, and why.

    A part (a monitor, the reference, the metric windows, the alerts) that raises is switched off for its subject for good, and
    that is a condition of its own. One faulty part must not blind the others, and a worker that died of it would read the same
    events again and die again. What raises is a function of the events alone, so that two runs switch off the same.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._broken: dict[str, str] = {}

    def works(self, part: str) -> bool:
        """Whether a part is still on."""
        return part not in self._broken

    @property
    def broken(self) -> bool:
        """Whether a part is off."""
        return bool(self._broken)

    def run(self, part: str, call: Callable[[], T], otherwise: T) -> T:
        """What ``call`` returns; ``otherwise`` where the part is off or raises, which switches it off."""
        if part in self._broken:
            return otherwise
        try:
            return call()
        except Exception as error:
            self.switch_off(part, error)
            return otherwise

    def switch_off(self, part: str, error: Exception) -> None:
        """A part has raised."""
        log.error("%s of %s failed and is switched off", part, self.subject, exc_info=error)
        self._broken[part] = _ADDRESS.sub("0x", f"{type(error).__name__}: {error}")[:_LONGEST_REASON]

    def conditions(self) -> list[Condition]:
        """One for each part that is switched off."""
        return [_condition(part, why) for part, why in self._broken.items()]

    def state(self) -> dict[str, str]:
        """Why parts were switched off, by name."""
        return dict(self._broken)

    def restore(self, state: Mapping[str, str]) -> None:
        """Continue from ``state``."""
        self._broken = dict(state)


def _condition(part: str, why: str) -> Condition:
    return Condition(
        alertname="MonitorBroken",
        family=Family.HEALTH,
        severity="warning",
        reason="monitor_raised",
        metric="monitor",
        summary=f"{part.replace('_', ' ')} failed and is switched off ({why}); everything else goes on",
        labels={"monitor": part},
    )
