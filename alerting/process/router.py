"""The router at work: it decides on the state in memory, saves every decision in one write, and only then acts on it.

Everything that changes goes through ``_commit``: compute a draft, write it, take it over. A write that fails leaves the
memory as it was, so the same decision is made again later; a crash after the write finds it done. Named points between
the steps let tests kill the router where it hurts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TypeVar

from driftbell.alerting.commands.obeying import obey_at
from driftbell.alerting.destinations.retirement import forget, keep_secrets
from driftbell.alerting.errors import FencedError, LostWritesError, StoreUnavailableError
from driftbell.alerting.incidents.decision import Decision
from driftbell.alerting.incidents.failover import FAILOVER_MS
from driftbell.alerting.incidents.given_up import bury, hasten, notify_again
from driftbell.alerting.incidents.observation import Observation
from driftbell.alerting.incidents.stand_ins import forget_unsent
from driftbell.alerting.outbox.delivery import ClaimedDelivery, delivery_of
from driftbell.alerting.outbox.delivery_queue import Settled, Settlement, claim, settle
from driftbell.alerting.outbox.outcome import Outcome
from driftbell.alerting.posting.posting import forget_posted, wait_for
from driftbell.alerting.process.alert_records import AlertRecord, record_by_record_on_failure
from driftbell.alerting.process.gauges import measure
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.force import put_in_force, rename_old, take_up
from driftbell.alerting.process.reloading.plan import InForce, Plan, record_of
from driftbell.alerting.process.telling.decisions import tell
from driftbell.alerting.process.telling.timelines import note_attempt, note_decisions
from driftbell.alerting.rendering.pictured import affordable
from driftbell.alerting.state.posted_alerts.posted import PostAlerts
from driftbell.alerting.state.records import KnownDestination
from driftbell.alerting.state.silence import Answer, Command
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.store import Changes, RouterStore, Table
from driftbell.alerting.state.tables import changes, contents, everything, laid_over, load
from driftbell.runtime.observability.outage import Outage

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Groups flushed in one write: a storm of single alerts makes thousands of groups due in the same second.
FLUSH_BATCH = 50

#: How long after a write that the store took a request may still begin: with the time-out of a request it is shorter than
#: the silence after which another router takes over.
LEASE_MS = 2_000


def no_crash(point: str) -> None:
    """The crash hook of production: nothing happens at any point."""


class Router:
    """State, store and rules in one place. All methods may be called from several tasks of one event loop.

    Args:
        plan: the configuration, put in force by ``claim``.
        store: where decisions are saved.
        clock: epoch milliseconds.
        random: for the jitter of retries.
        metrics: counts what happens.
        crash: called with the name of each point of the save and send sequence.
    """

    def __init__(
        self,
        plan: Plan,
        store: RouterStore,
        *,
        clock: Callable[[], int],
        random: Random,
        metrics: RouterMetrics,
        crash: Callable[[str], None] = no_crash,
    ) -> None:
        self.state = State()
        self.clock = clock
        self.metrics = metrics
        self._plan = plan
        self._store = store
        self._random = random
        self._crash = crash
        self._lock = asyncio.Lock()
        #: What writes without an answer may have changed in the store: the next write sets it to what is known here.
        self._unsure: dict[Table, set[str]] = {}
        #: Set whenever a destination may have something to do.
        self.wake: dict[str, asyncio.Event] = {}
        #: What must be remembered of destinations with a secret in the configuration, while something is open there.
        self._secret: dict[str, KnownDestination] = {}
        #: Destinations that fail again and again.
        self.dead: set[str] = set()
        self._follow(plan.in_force(plan.endpoints, {}))
        self._outage = Outage("the router's store")
        #: Why the last write did not succeed; empty when it did.
        self.store_trouble = ""
        #: Set whenever a flush may be due earlier than thought.
        self.timers = asyncio.Event()

    async def claim(self, generation: int) -> None:
        """Become the leader: load the state, take up what was interrupted, follow changes of the configuration.

        Raises:
            FencedError, StoreUnavailableError, RefusedError: see the store and ``driftbell.alerting.state.encoding``.
        """
        async with self._lock:
            self.state = load(await self._store.claim(generation))
            self.metrics.left_out.inc(len(self.state.left_out))
            self._unsure = {}
            renamed = Draft(self.state)
            rename_old(renamed, self._plan, self.clock())
            await self._write(renamed)
            draft = Draft(self.state)
            take_up(draft, self.clock())
            wait_for(draft, self.clock())
            rules = put_in_force(draft, self._plan, self.clock())
            await self._write(draft)
            self._follow(rules)
        self._wake_all()

    async def reload(self, plan: Plan) -> None:
        """Put another configuration in force, in one write: all of it, or nothing where that fails.

        Raises:
            FencedError, StoreUnavailableError: see the store; the configuration of before is in force.
        """
        async with self._lock:
            draft = Draft(self.state)
            rules = put_in_force(draft, plan, self.clock())
            await self._write(draft)
            self._plan = plan
            self._follow(rules)
        self._wake_all()

    def prepare(self, plan: Plan) -> None:
        """Have another configuration put in force by the next ``claim``: this router does not lead."""
        self._plan = plan
        self._follow(plan.in_force(plan.endpoints, {}))

    def _follow(self, rules: InForce) -> None:
        self._dispatch, self._failover, self.endpoints = rules.dispatch, rules.failover, rules.endpoints
        #: How alerts are taken in that others post.
        self.posting, self._digests = rules.posting, rules.digests
        records = (record_of(one) for one in rules.endpoints.values() if one.secrets)
        self._secret = {record.id: record for record in records}
        for destination in rules.endpoints:
            self.wake.setdefault(destination, asyncio.Event())

    async def apply(self, records: Sequence[AlertRecord]) -> list[Observation]:
        """Take a batch of records in, with their offsets, in one write. Records below the saved offset are skipped.

        A record at which this raises is passed over (``driftbell.alerting.process.alert_records``).

        Raises:
            FencedError, StoreUnavailableError: see the store.
        """
        return await record_by_record_on_failure(self._take_in_batch, records)

    async def rewind(self, offsets: Mapping[int, int]) -> None:
        """Go on from other offsets than the saved ones: records are gone, or the topic was deleted and created again."""
        async with self._commit() as draft:
            draft.offsets.update(offsets)

    def next_timer_ms(self) -> int | None:
        """When ``flush_due`` has something to do; None when nothing waits. Never later than the truth."""
        oldest_ms = self.state.undelivered.oldest_ms()
        times = [
            self.state.next_flush_ms(),
            self.state.deadlines.next_ms(),
            self._digests.next_ms(self.state),
            None if oldest_ms is None else oldest_ms + FAILOVER_MS,
        ]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    async def flush_due(self) -> list[Decision]:
        """Do what is due by the clock: flush groups, and use other destinations for what has waited for too long."""
        decisions: list[Decision] = []
        ended = self.state.deadlines.due(self.clock())
        for first in range(0, len(ended), FLUSH_BATCH):
            # Before anything is flushed: a flush tells what is over.
            await self.change(partial(self.posting.end, ended[first : first + FLUSH_BATCH]))
            await asyncio.sleep(0)
        overdue = self.state.undelivered.since(self.clock() - FAILOVER_MS)
        for first in range(0, len(overdue), FLUSH_BATCH):
            tells = first == 0 or first + FLUSH_BATCH >= len(overdue)
            async with self._commit() as draft:
                self._failover.take_over(draft, overdue[first : first + FLUSH_BATCH], self.clock(), tells=tells)
            await asyncio.sleep(0)
        due = self.state.due(self.clock())
        for first in range(0, len(due), FLUSH_BATCH):
            made: list[Decision] = []
            async with self._commit() as draft:
                for group_id in due[first : first + FLUSH_BATCH]:
                    made += self._dispatch.flush(draft, group_id, self.clock())
                self._failover.review(draft, self.clock())
                note_decisions(draft, made, self.clock(), self.label)
            for decision in made:
                tell(decision, self._dispatch.destinations[decision.destination], self.metrics)
            decisions += made
            # A store in memory never waits, and a storm would keep the event loop for seconds.
            await asyncio.sleep(0)
        async with self._commit() as draft:
            self._digests.review(draft, self.clock())
            if not draft.is_empty:
                self._failover.review(draft, self.clock())
        return decisions

    async def take(self, destination: str) -> ClaimedDelivery | None:
        """Mark the most urgent due delivery of a destination as being sent; None when there is none."""
        async with self._commit() as draft:
            now_ms = self.clock()
            saved = self.state.next_due(destination, now_ms)
            if saved is None:
                return None
            queue = draft.queue(saved.id)
            assert queue is not None
            row = claim(queue, now_ms)
            assert row is not None
        self._crash("claimed")
        return ClaimedDelivery(queue.id, delivery_of(queue, row), row.attempts, row.since_ms, now_ms)

    async def confirm(self, claimed: ClaimedDelivery) -> None:
        """Make sure, right before a request, that the state is still ours: this process may have been frozen since.

        Raises:
            FencedError: another router owns the state, and the request must not be made.
            StoreUnavailableError: nobody knows.
        """
        confirmed_ms = claimed.at_ms
        while self.clock() - confirmed_ms > LEASE_MS:
            confirmed_ms = self.clock()
            async with self._lock:
                await self._write(Draft(self.state), even_if_empty=True)

    async def settle(self, claimed: ClaimedDelivery, outcome: Outcome, *, repeatable: bool) -> Settlement:
        """Note the result of a delivery."""
        self._crash("sent")
        async with self._commit() as draft:
            now_ms = self.clock()
            queue = draft.queue(claimed.queue_id)
            assert queue is not None
            label = self.label(queue.destination)
            settlement = settle(queue, outcome, now_ms, self._random, repeatable=repeatable, label=label)
            note_attempt(draft, queue, claimed.delivery, outcome, settlement, now_ms, self.label)
            self._failover.after_attempt(draft, queue, settlement, now_ms)
            if settlement.dead_delivery is not None:
                bury(draft, settlement.dead_delivery)
                if settlement.reason is not Settled.DEAD_UNKNOWN and not queue.stands_for:
                    notify_again(draft, queue)
            if outcome.ok:
                forget_unsent(draft, queue.id)
            draft.drop_if_empty(queue)
            self._failover.review(draft, now_ms, recovered=queue.destination if outcome.ok else "")
        self._crash("marked")
        return settlement

    async def hasten(self, destination: str) -> None:
        """A destination works again: what failed there is due now, except where the vendor asked for time."""
        async with self._commit() as draft:
            hasten(draft, destination, self.clock())

    async def command(self, command: Command) -> Answer:
        """Do what somebody asks for, once, whichever way it comes: the answer is saved with what it changed."""
        if isinstance(command.action, PostAlerts):
            answer = await self.change(partial(self.posting.answer, command))
            self.metrics.count_posted(answer.posted)
            return answer
        return await self.change(partial(obey_at, command))

    async def change(self, change: Callable[[Draft, int], T]) -> T:
        """Make one change in one write: what a command asks for."""
        async with self._commit() as draft:
            return change(draft, self.clock())

    async def heartbeat(self) -> None:
        """Renew the owner's claim at the store, and forget what is long over."""
        async with self._lock:
            draft = Draft(self.state)
            self._dispatch.prune(draft, self.clock())
            forgotten = forget(draft)
            forget_posted(draft, self.clock())
            await self._write(draft, even_if_empty=True)
        for destination in forgotten:
            log.info("all is closed at a destination that is gone", extra={"destination": self.label(destination)})
        self.endpoints = {name: one for name, one in self.endpoints.items() if name not in forgotten}

    def measure(self) -> None:
        """Bring the gauges up to date."""
        measure(self.metrics, self.state, self._dispatch.destinations.values(), self.clock(), self.dead)

    def label(self, destination: str) -> str:
        """The name of a destination for people: ``oncall/pagerduty[0]``."""
        known = self._dispatch.destinations.get(destination)
        return destination if known is None else known.label

    async def _take_in_batch(self, records: Sequence[AlertRecord]) -> list[Observation]:
        async with self._commit() as draft:
            results: list[Observation] = []
            bad = 0
            now_ms = self.clock()
            for record in records:
                position = draft.offsets.get(record.partition, self.state.offsets.get(record.partition, 0))
                if record.offset < position:
                    results.append(Observation.DUPLICATE)
                    continue
                draft.offsets[record.partition] = record.offset + 1
                result = None if record.alert is None else self._take_in(draft, record, now_ms)
                if result is None:
                    bad += 1
                else:
                    results.append(result)
        self.metrics.records.labels("bad_record").inc(bad)
        for result in results:
            self.metrics.records.labels(result.value).inc()
        return results

    def _take_in(self, draft: Draft, record: AlertRecord, now_ms: int) -> Observation | None:
        alert = record.alert
        assert alert is not None
        alert = affordable(alert, len(self.state.firing.by_fingerprint))
        try:
            result = self._dispatch.apply(draft, alert, now_ms)
        except ValueError as error:
            log.error("alert record cannot be used", extra={"offset": record.offset, "detail": str(error)})
            return None
        log.log(
            logging.INFO if result.changes else logging.DEBUG,
            "alert record",
            extra={
                "fingerprint": alert.fingerprint,
                "episode": alert.episode,
                "status": alert.status,
                "result": result.value,
                "partition": record.partition,
                "offset": record.offset,
            },
        )
        return result

    @contextlib.asynccontextmanager
    async def _commit(self) -> AsyncIterator[Draft]:
        async with self._lock:
            draft = Draft(self.state)
            yield draft
            keep_secrets(draft, self._secret)
            self._crash("decided")
            await self._write(draft)
        self._notice(draft)

    async def _write(self, draft: Draft, *, even_if_empty: bool = False) -> None:
        if draft.is_empty and not even_if_empty:
            return
        started = time.perf_counter()
        wanted = laid_over(contents(self.state, self._unsure), changes(draft))
        try:
            await self._save(wanted)
        except StoreUnavailableError as error:
            self._unsure = {table: set(content) for table, content in wanted.items() if content}
            self.store_trouble = str(error)
            self._outage.away(error=error)
            self.metrics.store_failures.labels("unavailable").inc()
            raise
        except FencedError:
            self.metrics.store_failures.labels("fenced").inc()
            raise
        self._unsure = {}
        self.store_trouble = ""
        self._outage.back()
        self.metrics.save_seconds.observe(time.perf_counter() - started)
        self._crash("saved")
        self.state.apply(draft)

    async def _save(self, wanted: Changes) -> None:
        try:
            await self._store.save(wanted)
        except LostWritesError as error:
            # Claiming what is left there would forget messages that were sent, and send them again.
            log.error("writing the whole state again", extra={"detail": str(error)})
            self.metrics.store_failures.labels("lost_writes").inc()
            await self._store.restate(laid_over(everything(self.state), wanted))

    def _notice(self, draft: Draft) -> None:
        for queue in draft.queues.values():
            if queue is not None and queue.destination in self.wake:
                self.wake[queue.destination].set()
        if draft.groups or draft.queues or draft.entries:
            self.timers.set()

    def _wake_all(self) -> None:
        self.timers.set()
        for event in self.wake.values():
            event.set()
