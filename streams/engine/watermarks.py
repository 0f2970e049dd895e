"""Watermarks: how far the empty inputs are complete, asked of the brokers, so that the merge may go on.

A note of the time, then the brokers' end offsets: where the fetches have reached that end, every record with an earlier time
has been pushed. Asked only while something waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from driftbell.runtime.config.model import Worker
from driftbell.streams.engine.broker import Broker, Source
from driftbell.streams.engine.counters import EngineCounts
from driftbell.streams.engine.journal import Journal
from driftbell.streams.engine.runner import Runner
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.retry import BROKER_TIMEOUT_SECONDS
from driftbell.streams.errors import RefusedError
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

#: How often the brokers are asked where the inputs end while records wait for that answer; 50 ms were measured to keep the
#: order of a joined stream identical to a merge of the topics' contents.
WATERMARK_SECONDS = 0.05

#: Where nothing has to be asked, the brokers are asked this often all the same, so that their silence is noticed.
PROBE_SECONDS = 5.0

#: Brokers that have answered nothing for so long are away: several questions, and an election of a leader, fit into it.
BROKERS_SILENT_SECONDS = 20.0

#: Kafka takes a partition that another worker has claimed from us within a session; after so many sessions it never will.
FENCED_SESSIONS = 2


class Watermarks:
    """Advances the watermarks of empty inputs as long as the worker lives.

    Args:
        runners: those of the partitions now held, by index; the engine changes them.
        held_back: whether fetched records of an input have not been pushed yet.
    """

    def __init__(
        self,
        runners: Mapping[int, Runner],
        broker: Broker,
        worker: Worker,
        counts: EngineCounts,
        *,
        clock: Clock,
        journal: Journal,
        on_failure: Callable[[BaseException], None],
        held_back: Callable[[Source], bool] = lambda _: False,
    ) -> None:
        self.progress_at = clock.monotonic()
        self._runners = runners
        self._broker = broker
        self._worker = worker
        self._counts = counts
        self._clock = clock
        self._journal = journal
        self._on_failure = on_failure
        self._held_back = held_back
        self._advanced_at: dict[int, float] = {}
        self._answered_at = self._asked_at = clock.monotonic()

    @property
    def brokers_silent_seconds(self) -> float:
        """For how long no broker has answered a question about the partitions held; 0 while none is held."""
        return self._clock.monotonic() - self._answered_at if self._runners else 0.0

    async def run(self) -> None:
        """Advance for ever; an unexpected error goes to ``on_failure``."""
        try:
            while True:
                await asyncio.sleep(WATERMARK_SECONDS)
                self.progress_at = self._clock.monotonic()
                self._refuse_to_stand_still()
                sources = self._waiting_sources()
                if sources:
                    self._asked_at = self.progress_at
                    await self._advance(sources)
                elif not self._runners:
                    self._answered_at = self._asked_at = self.progress_at
                elif self.progress_at - self._asked_at >= PROBE_SECONDS:
                    self._asked_at = self.progress_at
                    await self._probe()
                self._note_silence()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._on_failure(error)

    def _note_silence(self) -> None:
        silent = self.brokers_silent_seconds
        if silent > BROKERS_SILENT_SECONDS:
            self._journal.brokers.away(seconds=silent)
        else:
            self._journal.brokers.back()

    def _refuse_to_stand_still(self) -> None:
        """A partition that the store refuses us and that Kafka leaves with us would be processed by nobody."""
        longest = FENCED_SESSIONS * self._worker.session_timeout
        for index, runner in self._runners.items():
            if runner.fenced_at is not None and self._clock.monotonic() - runner.fenced_at > longest:
                raise RefusedError(
                    f"another process has claimed partition {index}, and for {longest:.0f} s Kafka has not taken it from this "
                    f"one: starting again, to claim what is ours. If this repeats, two workers have the same "
                    f"worker.instance_id, or two Kafka clusters share one Redis"
                )

    def _waiting_sources(self) -> list[Source]:
        """Empty inputs on which something waits: buffered records of the other input, or a tick of an idle partition."""
        now = self._clock.monotonic()
        sources: list[Source] = []
        for index, runner in self._runners.items():
            partition = runner.partition
            empty = partition.waiting_for
            if runner.stopped is not None or not empty:
                continue
            waits_for_records = len(empty) < sum(stream.spec.merged for stream in Input)
            since = now - self._advanced_at.get(index, 0.0)
            if waits_for_records or (partition.wants_tick and since >= self._worker.tick):
                self._advanced_at[index] = now
                sources += [(stream, index) for stream in empty]
        return sources

    async def _advance(self, sources: list[Source]) -> None:
        asked_ms = self._clock.wall_ms()
        watermark_ms = asked_ms - round(self._worker.clock_margin * 1000)
        try:
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                ends = await self._broker.log_end_offsets(sources)
        except (OSError, TimeoutError) as error:
            self._force(sources, watermark_ms, error)
            return
        self._answered_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                for source in sources:
                    runner = self._runners.get(source[1])
                    if runner is not None and source in ends and await self._reached(runner, source, ends[source]):
                        runner.advance_watermark(source[0], watermark_ms)
        except (OSError, TimeoutError) as error:
            # In a rebalance there may be no position, and no fetch to wait for.
            log.info("how far the inputs were fetched is not known just now: %r", error)

    async def _probe(self) -> None:
        """Ask one question whose answer is not needed."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                await self._broker.log_end_offsets([(Input.PREDICTIONS, min(self._runners))])
            self._answered_at = self._clock.monotonic()

    def _force(self, sources: Sequence[Source], watermark_ms: int, error: Exception) -> None:
        """Better a little disorder than a monitor that stands still for ever because a broker does not answer."""
        silent = self._clock.monotonic() - self._answered_at
        if silent < self._worker.max_idle:
            return
        log.warning("for %.0f s no broker has said where the inputs end (%r): going on without", silent, error)
        self._counts.watermarks_forced += len(sources)
        for stream, index in sources:
            if (runner := self._runners.get(index)) is not None:
                runner.advance_watermark(stream, watermark_ms)

    async def _reached(self, runner: Runner, source: Source, end: int) -> bool:
        if runner.partition.fetched(source[0]) >= end:
            return True
        if self._held_back(source):
            return False
        # Transaction markers and compacted tails are never delivered: then only the fetch position reaches the end.
        return not self._broker.in_flight(source) and await self._broker.position(source) >= end
