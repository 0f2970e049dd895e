"""Standstill: notices that records wait and none is processed, and says why."""

from __future__ import annotations

import logging
from collections import Counter

from driftbell.runtime.config.model import Worker
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input

log = logging.getLogger(__name__)

#: Records that wait for so long without any being processed are a fault: not ready, and logged.
STALLED_SECONDS = 60.0

#: The most often that timestamps which are not believed are logged.
TIMESTAMPS_LOGGED_SECONDS = 60.0


class Standstill:
    """How long one partition has stood still, and what the log says of it."""

    def __init__(self, partition: Partition, clock: Clock, worker: Worker) -> None:
        self._partition = partition
        self._clock = clock
        self._worker = worker
        #: Since when records have waited without any being processed; None while none waits.
        self._waiting_since: float | None = None
        self._logged = False
        self._ahead: Counter[Input] = Counter()
        self._ahead_logged_at: float | None = None

    @property
    def seconds(self) -> float:
        """For how long records have waited without any being processed."""
        return 0.0 if self._waiting_since is None else self._clock.monotonic() - self._waiting_since

    def pushed(self, source: Input) -> None:
        """Records of an input were handed over."""
        ahead = self._partition.timestamps_ahead[source]
        if ahead > self._ahead[source]:
            self._ahead[source] = ahead
            self._warn_of_timestamps(source)
        if self._waiting_since is None and self._partition.buffered(source):
            self._waiting_since = self._clock.monotonic()

    def processed(self) -> None:
        """Records were processed."""
        if self._logged:
            log.warning("partition %d goes on after %.0f s", self._partition.index, self.seconds)
        waiting = any(self._partition.buffered(source) for source in Input)
        self._waiting_since = self._clock.monotonic() if waiting else None
        self._logged = False

    def log(self) -> None:
        """Say once that it stands still, and what for."""
        if self._logged or self.seconds <= STALLED_SECONDS:
            return
        self._logged = True
        log.error(
            "partition %d has stood still for %.0f s while records wait: %s",
            self._partition.index, self.seconds, self._partition.describe_wait(),
        )  # fmt: skip

    def _warn_of_timestamps(self, source: Input) -> None:
        now = self._clock.monotonic()
        if self._ahead_logged_at is not None and now - self._ahead_logged_at < TIMESTAMPS_LOGGED_SECONDS:
            return
        self._ahead_logged_at = now
        log.warning(
            "%s [%d] holds records without a timestamp, or with one more than worker.max_clock_lead (%g s) ahead of our clock "
            "(%d since the start): each is taken at the time of the record before it. Is a producer's clock wrong, or ours? "
            "With message.timestamp.type=LogAppendTime on the topic the brokers' clocks decide",
            source.value, self._partition.index, self._worker.max_clock_lead, self._ahead[source],
        )  # fmt: skip
