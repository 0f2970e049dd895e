"""Time slots: a prediction belongs to the slot in which it arrived, and expires with it.

Everything here changes at whole seconds of stream time only. A slot is named by its start in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftbell.runtime.config.model import Join


@dataclass(slots=True)
class Slot:
    """One slot: its name, its end in ms (exclusive), and per subject the predictions that still wait for a label."""

    id: int
    end_ms: int
    pending: dict[int, int] = field(default_factory=dict)
    #: The horizon is over: what still waited has been counted, and labels come too late.
    over: bool = False

    @property
    def start_ms(self) -> int:
        """The first ms of the slot."""
        return self.id * 1000


class Slots:
    """The live slots, oldest first.

    A prediction can be joined for at least the horizon and at most one slot longer; for one more slot it is kept so
    that its labels can be counted as late. A slot keeps its end when the configured horizon changes; only new slots
    have the new width.
    """

    def __init__(self, settings: Join) -> None:
        self._horizon_ms = max(1, math.ceil(settings.horizon)) * 1000
        self._width = max(1, math.ceil(settings.horizon / settings.slots))
        self._slots: dict[int, Slot] = {}

    @property
    def horizon_ms(self) -> int:
        """How long a prediction waits at least, in ms."""
        return self._horizon_ms

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots.values())

    @property
    def by_id(self) -> Mapping[int, Slot]:
        """The live slots by name."""
        return self._slots

    def current(self, now_ms: int) -> Slot:
        """The slot of what arrives now; opened if need be."""
        last = next(reversed(self._slots.values()), None)
        if last is not None and now_ms < last.end_ms:
            return last
        start = now_ms // 1000 // self._width * self._width
        opened = Slot(start if last is None else max(start, last.end_ms // 1000), (start + self._width) * 1000)
        self._slots[opened.id] = opened
        return opened

    def advance(self, now_ms: int) -> tuple[list[Slot], list[int]]:
        """The slots whose horizon has ended since the last call, and the names of those that are gone altogether."""
        over = [slot for slot in self._slots.values() if not slot.over and now_ms >= self._over_ms(slot)]
        gone = [slot.id for slot in self._slots.values() if now_ms >= self._gone_ms(slot)]
        for slot in over:
            slot.over = True
        for name in gone:
            del self._slots[name]
        return over, gone

    def due_ms(self) -> int | None:
        """The stream time at which ``advance`` next returns anything."""
        times = [self._gone_ms(slot) if slot.over else self._over_ms(slot) for slot in self._slots.values()]
        return min(times, default=None)

    def _over_ms(self, slot: Slot) -> int:
        return slot.end_ms + self._horizon_ms

    def _gone_ms(self, slot: Slot) -> int:
        return slot.end_ms + self._horizon_ms + self._width * 1000

    def state(self) -> list[Any]:
        """The live slots as plain data."""
        return [[slot.id, slot.end_ms, slot.over, _pairs(slot.pending)] for slot in self._slots.values()]

    def restore(self, state: Iterable[Any]) -> None:
        """Continue from ``state``."""
        self._slots = {name: Slot(name, end_ms, dict(pending), over) for name, end_ms, over, pending in state}


def _pairs(counts: Mapping[int, int]) -> list[list[int]]:
    return [[subject, count] for subject, count in counts.items()]
