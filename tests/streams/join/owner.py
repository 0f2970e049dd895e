"""The engine's part of the label join, in little: a store, prefetched look-ups, saves that take time, restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.encoding import decode, encode
from driftbell.streams.join import JoinDelta, LabelJoin
from tests.streams.join.oracle import ENDED


@dataclass(frozen=True)
class Predict:
    event: Prediction
    made: int


@dataclass(frozen=True)
class Label:
    event: Feedback
    at: int


@dataclass(frozen=True)
class Advance:
    now: int


Step = Predict | Label | Advance


@dataclass
class Store:
    """What Redis would hold."""

    slots: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    waiting: dict[bytes, bytes] = field(default_factory=dict)
    state: bytes = b""
    #: Index of the next step, and length of the log, at the stored checkpoint.
    step: int = 0
    logged: int = 0

    def save(self, delta: JoinDelta) -> None:
        for slot, entries in delta.put.items():
            self.slots.setdefault(slot, {}).update(entries)
        for slot in delta.drop:
            self.slots.pop(slot, None)
        self.waiting.update(delta.wait)
        for key in delta.unwait:
            self.waiting.pop(key, None)

    def lookup(self, slots: Sequence[int], keys: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
        found = {}
        for key in keys:
            for slot in slots:
                if key in self.slots.get(slot, {}):
                    found[key] = slot, self.slots[slot][key]
                    break
        return found


@dataclass
class Taken:
    """A checkpoint that is on its way to the store."""

    delta: JoinDelta
    state: bytes
    step: int
    logged: int


class Owner:
    def __init__(self, settings: Join, steps: Sequence[Step]) -> None:
        self.settings = settings
        self.steps = steps
        self.store = Store()
        self.join = LabelJoin(settings)
        self.taken: list[Taken] = []
        self.log: list[object] = []
        self.step = 0
        self.announced = 0
        self.now = 0
        self._announce_from = 0

    @property
    def done(self) -> bool:
        return self.step >= len(self.steps)

    def take(self) -> None:
        self.taken.append(Taken(self.join.delta(), encode(self.join.state()), self.step, len(self.log)))

    def save(self) -> None:
        if self.taken:
            taken = self.taken.pop(0)
            self.store.save(taken.delta)
            self.store.state, self.store.step, self.store.logged = taken.state, taken.step, taken.logged
            self.join.saved(taken.delta)

    def restart(self) -> None:
        self.join = LabelJoin(self.settings)
        if self.store.state:
            state: dict[str, Any] = decode(self.store.state)
            self.join.restore(state, dict(self.store.waiting))
            self.now = state["now"]
        self.taken = []
        self.step = self._announce_from = self.store.step
        del self.log[self.store.logged :]

    def prefetch(self, ahead: int) -> None:
        """Look up the labels among the next ``ahead`` steps, before what precedes them is processed."""
        start = max(self._announce_from, self.step)
        self._announce(start, max(start, self.step + ahead))

    def run(self, most: int) -> None:
        """Process up to ``most`` steps of one kind as one call."""
        first = self.steps[self.step]
        if isinstance(first, Advance):
            self.now = first.now
            self.join.advance(first.now)
            self.log.append({name: self.join.counts[name] for name in ENDED})
            self.step += 1
            return
        run: list[Any] = []
        while len(run) < most and not self.done and type(self.steps[self.step]) is type(first):
            run.append(self.steps[self.step])
            self.step += 1
        if isinstance(first, Predict):
            self.log += self.join.predictions([s.event for s in run], [s.made for s in run], self.now)
        else:
            self._announce(max(self._announce_from, self.step - len(run)), self.step)
            self.log += self.join.labels([s.event for s in run], [s.at for s in run], self.now)

    def _announce(self, start: int, stop: int) -> None:
        labels = [step.event for step in self.steps[start:stop] if isinstance(step, Label)]
        keys = self.join.unknown(labels)
        self.join.learn(self.store.lookup(self.join.live_slots, keys))
        self._announce_from = max(self._announce_from, stop)
