"""Flies a canary: publishes, and looks at Redis until it has arrived; whatever happens, what it opened is closed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from driftbell.alerting.channels.registry import in_force
from driftbell.alerting.outbox.delivery_queue import new_queue
from driftbell.alerting.routing.routes import compile_tree, group_id
from driftbell.alerting.state.state import State
from driftbell.alerting.state.store import CommandBox, Table
from driftbell.alerting.state.tables import load
from driftbell.canary.arrival import Arrival, Reached, closed, pages, read
from driftbell.canary.hop import Hop, Step, hop_of
from driftbell.canary.records import labels, next_episode, prediction, transition
from driftbell.canary.wire import Receipt, Wire
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import Route
from driftbell.schemas import Alert, encode_alert, encode_prediction, fingerprint
from driftbell.schemas.cloudevents import alert_headers
from driftbell.streams.checkpoints.checkpoint import CheckpointStore
from driftbell.streams.records import Input

#: Between two looks at Redis.
LOOK_SECONDS = 0.2

#: How long the last record may take to reach Kafka when the command is being stopped.
LAST_WORD_SECONDS = 10.0

T = TypeVar("T")


class Canary:
    """One flight.

    Args:
        config: its topics, routes and group.
        model: of the prediction, and a label of the alert.
        wire: publishes.
        checkpoints: of the workers.
        router: the saved state of the routers.
        timeout_seconds: longest wait for each hop.
        tell: called with every hop as it is decided.
    """

    def __init__(
        self,
        config: Config,
        model: str,
        wire: Wire,
        checkpoints: CheckpointStore,
        router: CommandBox,
        *,
        timeout_seconds: float,
        tell: Callable[[Hop], None],
    ) -> None:
        self.fingerprint = fingerprint(labels(model))
        self.hops: list[Hop] = []
        #: Whether an alert was published, and its resolve not.
        self.is_left_open = False
        self._config = config
        self._model = model
        self._wire = wire
        self._checkpoints = checkpoints
        self._router = router
        self._timeout = timeout_seconds
        self._tell = tell
        self._tree = compile_tree(in_force(config.router).route or Route())
        #: Those that it can be in where nothing correlates it, and those that it was seen in.
        self._groups = {
            group_id(node, node.options.group_labels(labels(model))) for node in self._tree.match(labels(model))
        }

    @property
    def arrived(self) -> bool:
        """Whether every hop was reached."""
        return all(hop.arrived for hop in self.hops)

    async def fly(self) -> None:
        """All hops, also those after one that was not reached, as far as they can be.

        When it is cancelled, the alert's resolve is published all the same.

        Raises:
            StoreUnavailableError: of the workers or of the router: Redis does not answer.
        """
        episode = await self._close_earlier()
        await self._fly_prediction()
        if episode is not None:
            await self._fly_alert(episode)

    async def _close_earlier(self) -> int | None:
        """Close what a canary that was killed has left open. Returns the next episode; None: it cannot be closed."""
        begun = time.monotonic()
        state = await self._state()
        entry = state.entries.get(self.fingerprint)
        now_ms = _now_ms()
        if entry is None:
            return next_episode(0, now_ms)
        started_ms = entry.fired_ms or now_ms
        left = transition(self._model, entry.episode, "resolved", started_ms=started_ms, now_ms=now_ms)
        if closed(state, self._groups, left).arrival is Arrival.ARRIVED:
            return next_episode(entry.episode, now_ms)
        problem = await self._acknowledged(self._publish(left)) if entry.status == "firing" else None
        if problem is None:
            reached = await self._until_closed(left)
        else:
            reached = Reached(Arrival.NOT_PUBLISHED, detail=problem)
        self._note(Step.EARLIER_CLOSED, reached, begun)
        return next_episode(entry.episode, _now_ms()) if reached.arrival is Arrival.ARRIVED else None

    async def _fly_prediction(self) -> None:
        begun = time.monotonic()
        event = prediction(self._model, f"canary-{uuid.uuid4()}")
        receipt = self._wire.publish(self._config.topics.predictions, self._model, encode_prediction(event))
        problem = await self._acknowledged(receipt)
        if problem is not None:
            self._note(Step.PREDICTION_PUBLISHED, Reached(Arrival.NOT_PUBLISHED, detail=problem), begun)
            return
        self._note(Step.PREDICTION_PUBLISHED, Reached(Arrival.ARRIVED), begun)
        begun = time.monotonic()
        reached = await self._look(lambda: self._saved(receipt), lambda one: one.arrival is not Arrival.NOT_SAVED)
        self._note(Step.PREDICTION_SAVED, reached, begun)

    async def _saved(self, receipt: Receipt) -> Reached:
        known = await self._checkpoints.status([receipt.partition])
        done = known[0].offsets.get(Input.PREDICTIONS.value, 0) if known else 0
        place = f"partition {receipt.partition}"
        if done <= receipt.offset:
            behind = f"its checkpoint is at offset {done}, the prediction is {receipt.offset}"
            return Reached(Arrival.NOT_SAVED, detail=f"{place}: {behind if known else 'no worker has ever held it'}")
        if not await self._checkpoints.models(receipt.partition, [self._model], 1):
            return Reached(Arrival.NOT_WATCHED, detail=f"{place} does not know the model")
        return Reached(Arrival.ARRIVED)

    async def _fly_alert(self, episode: int) -> None:
        now_ms = _now_ms()
        alert = transition(self._model, episode, "firing", started_ms=now_ms, now_ms=now_ms)
        receipt: Receipt | None = None
        try:
            is_read = await self._open(alert)
            begun = time.monotonic()
            receipt = self._end(alert)
            problem = await self._acknowledged(receipt)
        finally:
            # Also when it is cancelled, or Redis is away. Nothing may wait for anything else here.
            if receipt is None:
                receipt = self._end(alert)
            self._wire.flush(LAST_WORD_SECONDS)
            self.is_left_open = not receipt.is_settled or receipt.problem is not None
        if problem is not None:
            self._note(Step.RESOLVE_PUBLISHED, Reached(Arrival.NOT_PUBLISHED, detail=problem), begun)
            return
        self._note(Step.RESOLVE_PUBLISHED, Reached(Arrival.ARRIVED), begun)
        if is_read:
            begun = time.monotonic()
            self._note(Step.CLOSED, await self._until_closed(alert), begun)

    async def _open(self, alert: Alert) -> bool:
        """Until the page was taken everywhere. Returns whether the router has read the alert."""
        begun = time.monotonic()
        problem = await self._acknowledged(self._publish(alert))
        if problem is not None:
            self._note(Step.ALERT_PUBLISHED, Reached(Arrival.NOT_PUBLISHED, detail=problem), begun)
            return False
        self._note(Step.ALERT_PUBLISHED, Reached(Arrival.ARRIVED), begun)
        begun = time.monotonic()
        seen = await self._look(lambda: self._reading(alert), lambda one: one.arrival is not Arrival.NOT_READ)
        self._note(Step.ALERT_READ, seen, begun)
        if seen.arrival is not Arrival.ARRIVED:
            return False
        begun = time.monotonic()
        told: dict[str, float] = {}

        async def look() -> Sequence[Reached]:
            found = pages(await self._state(), self._tree, alert)
            for one in found:
                if one.arrival is Arrival.ARRIVED:
                    told.setdefault(one.destination, time.monotonic() - begun)
            return found

        for one in await self._look(look, _all_decided):
            waited = told.get(one.destination, time.monotonic() - begun)
            self._add(
                hop_of(
                    Step.PAGE_TAKEN,
                    one.arrival,
                    waited,
                    self.fingerprint,
                    destination=one.destination,
                    detail=one.detail,
                )
            )
        return True

    async def _reading(self, alert: Alert) -> Reached:
        return read(await self._state(), alert)

    async def _until_closed(self, alert: Alert) -> Reached:
        async def look() -> Reached:
            found = closed(await self._state(), self._groups, alert)
            if found.arrival is Arrival.ARRIVED:
                # Pages may have been opened on other channels, in place of those that did not take them.
                return closed(await self._state(everywhere=True), self._groups, alert)
            return found

        return await self._look(look, lambda one: one.arrival in (Arrival.ARRIVED, Arrival.OVERTAKEN, Arrival.FLAPPING))

    async def _look(self, look: Callable[[], Awaitable[T]], is_decided: Callable[[T], bool]) -> T:
        """Look until it is decided, or the time is over; the last look counts."""
        deadline = time.monotonic() + self._timeout
        while True:
            found = await look()
            if is_decided(found) or time.monotonic() >= deadline:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    async def _acknowledged(self, receipt: Receipt) -> str | None:
        """Wait until Kafka has a record. Returns what is wrong if it has not."""
        deadline = time.monotonic() + self._timeout
        while not receipt.is_settled and time.monotonic() < deadline:
            self._wire.poll()
            await asyncio.sleep(0.01)
        return receipt.problem if receipt.is_settled else "Kafka does not answer"

    def _publish(self, alert: Alert) -> Receipt:
        source = f"/driftbell/{self._config.worker.group}"
        return self._wire.publish(
            self._config.topics.alerts, alert.fingerprint, encode_alert(alert), alert_headers(alert, source)
        )

    def _end(self, alert: Alert) -> Receipt:
        now_ms = _now_ms()
        started_ms = min(alert.episode, now_ms)
        return self._publish(transition(self._model, alert.episode, "resolved", started_ms=started_ms, now_ms=now_ms))

    async def _state(self, *, everywhere: bool = False) -> State:
        """What the router has saved of the alert.

        In this order: what is read later is never older than what was read before. ``everywhere``: with the queues that stand
        in for others, of which there may be very many.
        """
        box = self._router
        tables = {table: dict[str, bytes]() for table in Table}
        tables[Table.ENTRIES] = await box.look(Table.ENTRIES, self.fingerprint)
        self._groups |= _groups_of(load(tables), self.fingerprint)
        tables[Table.GROUPS] = await self._looked_up(Table.GROUPS, self._groups)
        tables[Table.DESTINATIONS] = await box.look(Table.DESTINATIONS)
        if everywhere:
            tables[Table.QUEUES] = await box.look(Table.QUEUES)
        else:
            own = {new_queue(group, name).id for group in self._groups for name in tables[Table.DESTINATIONS]}
            tables[Table.QUEUES] = await self._looked_up(Table.QUEUES, own)
        tables[Table.TIMELINES] = await self._looked_up(Table.TIMELINES, self._groups)
        return load(tables)

    async def _looked_up(self, table: Table, keys: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for key in sorted(keys):
            found |= await self._router.look(table, key)
        return found

    def _note(self, step: Step, reached: Reached, begun: float) -> None:
        self._add(hop_of(step, reached.arrival, time.monotonic() - begun, self.fingerprint, detail=reached.detail))

    def _add(self, hop: Hop) -> None:
        self.hops.append(hop)
        self._tell(hop)


def _all_decided(found: Collection[Reached]) -> bool:
    waits = (Arrival.NOT_READ, Arrival.GATHERING, Arrival.WAITING, Arrival.STORM, Arrival.HELD_BACK)
    return all(one.arrival not in waits for one in found)


def _groups_of(state: State, fingerprint: str) -> set[str]:
    entry = state.entries.get(fingerprint)
    return set() if entry is None else entry.groups


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
