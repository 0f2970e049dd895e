"""Log watch: notices while the worker runs that a log no longer holds what was read of it, or that records were missed.

A partition that gets a leader without its latest records (an unclean election, a broker that lost its disk's last writes) uses
their offsets again: who reads on at an offset misses the new records before it. So the first records of another leader's epoch
are held back until the leader has said that its log holds all that was read before them; and where no records come, every
half a minute it is asked all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from driftbell.runtime.epochs import Span
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.engine.broker import Broker, Source
from driftbell.streams.engine.counters import EngineCounts
from driftbell.streams.engine.logs.questions import Read, describe
from driftbell.streams.engine.runner import Runner
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.engine.timing.retry import BROKER_TIMEOUT_SECONDS
from driftbell.streams.partition.input_logs.comparison import ActualLog, InputGone, compare
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

#: How often all inputs are looked at.
LOOK_SECONDS = 30.0

#: How long to wait after a question without an answer while records are held back, and how long these are held back at most.
RETRY_SECONDS, HOLD_SECONDS = 1.0, 60.0

#: Fetched records, and the epochs that begin in them.
_Chunk = tuple[Sequence[Any], Sequence[Span]]


@dataclass(slots=True)
class _Held:
    """What is held back of one input."""

    runner: Runner
    since: float
    chunks: list[_Chunk] = field(default_factory=list)


class LogWatch:
    """Stands between the fetched records and the runners.

    Args:
        runners: those of the partitions now held, by index; the engine changes them, and which are ``rewinding``.
        on_gone: called with the partition's index when what was read of an input is gone; it must begin again at its
            checkpoint, where its claim says what is lost.
        on_failure: called with an unexpected error.
    """

    def __init__(
        self,
        runners: Mapping[int, Runner],
        rewinding: Collection[int],
        broker: Broker,
        counts: EngineCounts,
        clock: Clock,
        on_gone: Callable[[int], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._runners = runners
        self._rewinding = rewinding
        self._broker = broker
        self._counts = counts
        self._clock = clock
        self._on_gone = on_gone
        self._on_failure = on_failure
        self._held: dict[Source, _Held] = {}
        #: Where records did not follow on those before them since the last look, and the offsets that are missing.
        self._gaps: dict[Source, tuple[Runner, int, int]] = {}
        self._wake = asyncio.Event()

    def deliver(self, runner: Runner, source: Source, records: Sequence[Any], spans: Sequence[Span]) -> None:
        """Pass fetched records on to their runner, now or when the leader has been asked."""
        if self.holds(source):
            self._held[source].chunks.append((records, spans))
        elif _doubtful(runner, source[0], records, spans):
            self._held[source] = _Held(runner, self._clock.monotonic(), [(records, spans)])
            self._wake.set()
        else:
            self._push(runner, source, records, spans)

    def goes_back(self, source: Source, offset: int) -> bool:
        """Whether records that were fetched from ``offset`` on are to be dropped, as that was read before.

        aiokafka begins at a log's beginning where the log ends before our position: then what was read is gone.
        """
        if source[1] in self._rewinding:
            return True
        runner = self._runners.get(source[1])
        if runner is None or runner.stopped is not None or offset >= runner.partition.fetched(source[0]):
            return False
        log.warning(
            "%s [%d]: the log begins again at offset %d, before what was read", source[0].value, source[1], offset
        )
        self._on_gone(source[1])
        return True

    def _push(self, runner: Runner, source: Source, records: Sequence[Any], spans: Sequence[Span]) -> None:
        expected = runner.partition.fetched(source[0])
        if records and records[0].offset > expected:
            self._gaps.setdefault(source, (runner, expected, records[0].offset))
        runner.push(source[0], records, spans)

    def holds(self, source: Source) -> bool:
        """Whether records of this input are held back."""
        held = self._held.get(source)
        return held is not None and held.runner is self._runners.get(source[1])

    async def run(self) -> None:
        """Look for ever; an unexpected error goes to ``on_failure``."""
        try:
            while True:
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                if not await self._look():
                    await asyncio.sleep(RETRY_SECONDS)
                    if self._held:
                        self._wake.set()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._on_failure(error)

    async def _look(self) -> bool:
        """Ask about all inputs; False when not all leaders answered."""
        # What is held back from now on concerns a leader that may come after the one that answers.
        held = {source: waiting for source, waiting in self._held.items() if self.holds(source)}
        self._held = dict(held)
        runners = dict(self._runners)
        read = {
            (stream, index): (runner.partition.fetched(stream), runner.partition.logs[stream])
            for index, runner in runners.items()
            for stream in Input
            if runner.stopped is None
        }
        if not read:
            return True
        logs = await self._ask(read)
        for source, actual in logs.items():
            runner = runners[source[1]]
            if self._runners.get(source[1]) is runner and runner.stopped is None:
                self._judge(source, read[source], actual, held.get(source))
        silent = {source: waiting for source, waiting in held.items() if source not in logs}
        self._give_up(silent)
        return not silent and len(logs) == len(read)

    async def _ask(self, read: Mapping[Source, Read]) -> dict[Source, ActualLog]:
        """All leaders at once; if one of them does not answer, one after the other, so that it stands for itself alone."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                await self._explain_gaps()
                return await describe(self._broker, read, whole=False)
        found: dict[Source, ActualLog] = {}
        try:
            async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
                for source, known in read.items():
                    with suppress(OSError):
                        found |= await describe(self._broker, {source: known}, whole=False)
        except TimeoutError:
            pass
        return found

    async def _explain_gaps(self) -> None:
        """Gaps are legal (markers of transactions, compaction), unless the log begins behind them by now."""
        gaps, self._gaps = self._gaps, {}
        first = await self._broker.earliest_offsets(list(gaps)) if gaps else {}
        for source, (runner, offset, available) in gaps.items():
            if first[source] > offset and self._runners.get(source[1]) is runner:
                log.error(
                    "%s [%d]: records %d to %d were deleted before they were read",
                    source[0].value, source[1], offset, available,
                )  # fmt: skip
                self._counts.lost_input[source[0], Loss.RETENTION] += 1
                runner.partition.missed_input(source[0], offset, available)

    def _judge(self, source: Source, read: Read, actual: ActualLog, held: _Held | None) -> None:
        gone = compare(*read, actual)
        if gone is not None and gone.why is not Loss.RETENTION:
            log.error("%s", _sentence(source, read, gone))
            self._held.pop(source, None)
            self._on_gone(source[1])
        elif held is not None:
            self._release(source, held)

    def _give_up(self, silent: Mapping[Source, _Held]) -> None:
        """A monitor that stands still for ever because a question has no answer would be worse."""
        for source, waiting in silent.items():
            seconds = self._clock.monotonic() - waiting.since
            if seconds >= HOLD_SECONDS and self._held.get(source) is waiting:
                log.warning("%s [%d]: for %.0f s its leader has not said whether it holds what was read: going on without",
                            source[0].value, source[1], seconds)  # fmt: skip
                self._release(source, waiting)

    def _release(self, source: Source, held: _Held) -> None:
        del self._held[source]
        (records, spans), *later = held.chunks
        self._push(held.runner, source, records, spans)
        for chunk in later:
            self.deliver(held.runner, source, *chunk)


def _doubtful(runner: Runner, stream: Input, records: Sequence[Any], spans: Sequence[Span]) -> bool:
    """Whether these records may be of another log than those before them.

    Within one fetch they are of one log, however many epochs it has.
    """
    partition = runner.partition
    latest = partition.logs[stream].epochs.latest
    if latest is None or not spans:
        return False
    return spans[0][1] != latest or records[0].offset < partition.fetched(stream)


def _sentence(source: Source, read: Read, gone: InputGone) -> str:
    stream, index = source
    if gone.why is Loss.TOPIC_RECREATED:
        return f"{stream.value} [{index}]: the topic was deleted and created again; reading it from its beginning"
    return (
        f"{stream.value} [{index}]: its leader's log holds what was read only up to offset {gone.go_on_at:,}, not "
        f"{read[0]:,}: a replica without the latest records became the leader. Reading on from there"
    )


__all__ = ["HOLD_SECONDS", "LOOK_SECONDS", "LogWatch"]
