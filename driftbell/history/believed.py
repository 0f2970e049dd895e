"""Believed: which times of a file's entries are to be believed.

One entry from the year 2099 must not take the stream there: every entry behind it would be too old. In a file one can look
ahead, so a jump is believed when the file goes on from there. The worker, which cannot, goes by the brokers' clocks
(docs/engine.md); both give such an entry the time of the one before it, and the core then says that its own time is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from driftbell.history.record import HistoryRecord

#: A step forward by more than this has to be confirmed.
JUMP_MS: Final = 86_400_000

#: So many entries in a row beyond a jump confirm it.
CONFIRMING: Final = 10


class Believed:
    """Takes the entries of one file in order and gives them back, a few later at most.

    Args:
        now_ms: at the end of the file, where nothing confirms a jump any more, one into the future is not believed.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._latest_ms: int | None = None
        #: Beyond a jump that is not yet confirmed.
        self._beyond: list[HistoryRecord] = []

    def take(self, record: HistoryRecord) -> Iterator[HistoryRecord]:
        """The next entry; yields those about which all is known."""
        if self._latest_ms is None and not self._beyond:
            # Of the first entry it is not known whether it is itself far ahead.
            self._beyond.append(record)
            return
        if self._latest_ms is None:
            first = self._beyond[0]
            if record.time_ms >= first.time_ms - JUMP_MS:
                self._latest_ms = first.time_ms
                self._beyond.clear()
                yield first
            else:
                self._latest_ms = record.time_ms
        if record.time_ms > self._latest_ms + JUMP_MS:
            self._beyond.append(record)
            if len(self._beyond) >= CONFIRMING:
                yield from self._go_there()
            return
        yield from self._not_believed()
        self._latest_ms = max(self._latest_ms, record.time_ms)
        yield record

    def end(self) -> Iterator[HistoryRecord]:
        """What is left at the end of the file."""
        if self._latest_ms is not None and any(record.time_ms > self._now_ms for record in self._beyond):
            yield from self._not_believed()
        else:
            yield from self._go_there()

    def _go_there(self) -> Iterator[HistoryRecord]:
        records, self._beyond = self._beyond, []
        self._latest_ms = max((record.time_ms for record in records), default=self._latest_ms)
        yield from records

    def _not_believed(self) -> Iterator[HistoryRecord]:
        records, self._beyond = self._beyond, []
        latest_ms = self._latest_ms
        # Without a believed time there is none to take instead.
        yield from records if latest_ms is None else (record._replace(time_ms=latest_ms) for record in records)
