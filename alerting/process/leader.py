"""The leader's term: reading, timers and senders, from taking over to letting go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from driftbell.alerting.channels.channel import close
from driftbell.alerting.commands.taking_up import take_up
from driftbell.alerting.errors import FencedError, StoreUnavailableError
from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.process.consumer import AlertsConsumer, Assignment
from driftbell.alerting.process.reloading.senders import Senders
from driftbell.alerting.process.router import Router
from driftbell.alerting.state.store import CommandBox

log = logging.getLogger(__name__)

#: Seconds between two signs of life to the store; well below ``driftbell.alerting.state.redis.STALE_MS``.
HEARTBEAT_SECONDS = 10.0
#: Seconds between two looks for commands of people.
COMMANDS_SECONDS = 1.0
#: Seconds between two commits of Kafka offsets, which only tools read.
_COMMIT_SECONDS = 5.0
#: Seconds between two tries at a store that does not answer.
_STORE_PAUSE_SECONDS = 1.0
#: Messages wait at the start until the topic has been read to its end, so that nobody is paged for what is over already;
#: but not longer than this many seconds.
CATCH_UP_SECONDS = 60.0
#: Without a timer nothing is due; they are checked now and then all the same.
_IDLE_SECONDS = 60.0


class Leader:
    """One term of leadership. ``start``, then ``turn`` for every batch of records, then ``stop``."""

    def __init__(self, router: Router, consumer: AlertsConsumer, box: CommandBox) -> None:
        self._router = router
        self._box = box
        self._consumer = consumer
        self._stop = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._ends: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._senders = Senders(router, self._spawn, self._caught_up)
        #: Read and not saved yet.
        self._records: list[AlertRecord] = []
        self._started = self._committed = time.monotonic()

    async def start(self, assignment: Assignment) -> None:
        """Take over: claim the state, go to its offsets, start timers and senders.

        Raises:
            FencedError, StoreUnavailableError, RefusedError, KafkaError: nothing was started.
        """
        await self._router.claim(assignment.generation)
        self._router.dead.clear()
        bounds = await self._consumer.bounds(assignment.partitions)
        offsets = await self._offsets(bounds)
        self._ends = {partition: end for partition, (_, end) in bounds.items()}
        self._consumer.seek(offsets)
        self._spawn(self._timers(), "timers")
        self._spawn(self._heartbeat(), "heartbeat")
        self._spawn(self._commands(), "commands")
        self.follow()
        log.info(
            "leading",
            extra={
                "generation": assignment.generation,
                "groups": len(self._router.state.groups),
                "queues": len(self._router.state.queues),
                "behind": sum(self._ends[partition] - offset for partition, offset in offsets.items()),
            },
        )

    def follow(self) -> None:
        """Serve what is in force: after a reload, and when a destination is forgotten."""
        self._senders.follow()

    @property
    def is_waiting(self) -> bool:
        """Whether records that were read are not saved yet: then no more are to be read, which bounds what waits here."""
        return bool(self._records)

    async def turn(self, records: Sequence[AlertRecord]) -> None:
        """Take in what was read; what the store does not take is tried again in the next turn.

        Raises:
            FencedError: another router owns the state.
            Exception: a timer or sender ended with it.
        """
        for task in self._tasks:
            if task.done():
                task.result()
        self._tasks = [task for task in self._tasks if not task.done()]
        self._records += records
        if self._records:
            try:
                await self._router.apply(self._records)
                self._records = []
            except StoreUnavailableError as error:
                log.debug("store unavailable, reading stops", extra={"error": str(error)})
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
                return
        if not self._caught_up.is_set():
            await self._check_caught_up()
        if time.monotonic() - self._committed >= _COMMIT_SECONDS:
            self._committed = time.monotonic()
            await self._consumer.commit(self._router.state.offsets)
            for partition, lag in self._consumer.lag(self._router.state.offsets).items():
                self._router.metrics.lag.labels(str(partition)).set(lag)
            self._router.measure()

    async def stop(self, grace_seconds: float) -> None:
        """Let go: finish what is being sent and note its result. What takes longer than ``grace_seconds`` is made again."""
        self._stop.set()
        self._senders.stop()
        self._router.timers.set()
        self._caught_up.set()
        _, late = await asyncio.wait(self._tasks, timeout=grace_seconds) if self._tasks else (set(), set())
        for task in late:
            log.warning("cut off", extra={"task": task.get_name()})
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, FencedError):
                log.error("task failed", exc_info=result)
        for endpoint in self._router.endpoints.values():
            if endpoint.destination.retired:
                await close(endpoint.channel, self._router.label(endpoint.destination.id))

    async def _offsets(self, bounds: dict[int, tuple[int, int]]) -> dict[int, int]:
        offsets: dict[int, int] = {}
        moved: dict[int, int] = {}
        for partition, (first, end) in bounds.items():
            saved = self._router.state.offsets.get(partition)
            offsets[partition] = first if saved is None else saved
            if saved is not None and not first <= saved <= end:
                offsets[partition] = moved[partition] = first
                lost = max(0, first - saved)
                self._router.metrics.lost.inc(lost)
                log.error(
                    "alerts topic does not have the saved offset: it was created again, or records were deleted unread",
                    extra={"partition": partition, "saved": saved, "first": first, "end": end, "lost": lost},
                )
        if moved:
            await self._router.rewind(moved)
        return offsets

    async def _check_caught_up(self) -> None:
        waited_seconds = time.monotonic() - self._started
        behind = [
            partition
            for partition, end in self._ends.items()
            if end > 0 and await self._consumer.position(partition) < end
        ]
        if behind and waited_seconds < CATCH_UP_SECONDS:
            return
        if behind:
            log.warning("not at the topic's end yet, timers start all the same", extra={"partitions": behind})
        self._caught_up.set()

    async def _timers(self) -> None:
        await self._caught_up.wait()
        while not self._stop.is_set():
            self._router.timers.clear()
            try:
                await self._router.flush_due()
            except StoreUnavailableError as error:
                log.debug("store unavailable, nothing is decided", extra={"error": str(error)})
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
                continue
            next_ms = self._router.next_timer_ms()
            wait_seconds = _IDLE_SECONDS if next_ms is None else max(0.001, (next_ms - self._router.clock()) / 1000)
            await _wait(self._router.timers, min(wait_seconds, _IDLE_SECONDS))

    async def _heartbeat(self) -> None:
        while not await _wait(self._stop, HEARTBEAT_SECONDS):
            try:
                await self._router.heartbeat()
                self.follow()
            except StoreUnavailableError as error:
                log.warning("store unavailable", extra={"error": str(error)})

    async def _commands(self) -> None:
        while not await _wait(self._stop, COMMANDS_SECONDS):
            try:
                await take_up(self._box, self._router)
            except StoreUnavailableError as error:
                log.debug("store unavailable, commands wait", extra={"error": str(error)})

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))


async def _wait(event: asyncio.Event, timeout_seconds: float) -> bool:
    try:
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
