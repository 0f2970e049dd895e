"""A history: several files read as one stream of records in the order of their time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from driftbell.errors import UsageError
from driftbell.history.jsonl import STDIN, JsonLines
from driftbell.history.parquet import Parquet
from driftbell.history.record import HistoryRecord, Input, InputTopics, Skip, SkipReason, Source

#: Skipped entries that are kept with their place, as examples for the report; all are counted.
KEPT_EXAMPLES = 5


class History:
    """Iterate it once; the counters are right when the iteration is over, and on their way while it runs.

    Inside a file the order of the entries is kept, as Kafka keeps it inside a partition: an entry that is older than the
    one before it counts in ``out_of_order``, and takes its turn at the time of the one before. Between files the smaller
    time goes first; on equal times predictions go before feedback.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.records: Counter[Input] = Counter()
        self.skipped: Counter[SkipReason] = Counter()
        self.examples: list[Skip] = []
        self.out_of_order = 0
        #: The largest step back in milliseconds.
        self.largest_step_back_ms = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None

    @classmethod
    def open(cls, paths: Sequence[str], topics: InputTopics) -> History:
        """A history of files; ``*.parquet`` is Parquet, anything else JSON lines, ``-`` standard input.

        Raises:
            UsageError: a file is not there.
        """
        for path in paths:
            if path != STDIN and not Path(path).is_file():
                raise UsageError(
                    f"{path}: no such file", "give JSON lines (.jsonl, .jsonl.gz), Parquet, or - for stdin"
                )
        return cls([Parquet(path) if path.endswith(".parquet") else JsonLines(path, topics) for path in paths])

    @property
    def progress(self) -> float | None:
        """How much has been read, from 0 to 1; None when the size is not known."""
        total = sum(source.bytes_total for source in self._sources)
        if total == 0:
            return None
        return min(1.0, sum(source.bytes_read for source in self._sources) / total)

    def __iter__(self) -> Iterator[HistoryRecord]:
        """The records in order. Raises what the sources raise: OSError, UsageError."""
        streams = [self._stream(source) for source in self._sources]
        for _, record in heapq.merge(*streams, key=lambda turn: turn[0]):
            self.records[record.input] += 1
            self.first_ms = record.time_ms if self.first_ms is None else min(self.first_ms, record.time_ms)
            self.last_ms = record.time_ms if self.last_ms is None else max(self.last_ms, record.time_ms)
            yield record

    def _stream(self, source: Source) -> Iterator[tuple[tuple[int, bool], HistoryRecord]]:
        latest: dict[Input, int] = {}
        turn_ms = 0
        for entry in source.entries():
            if isinstance(entry, Skip):
                self.skipped[entry.reason] += 1
                if len(self.examples) < KEPT_EXAMPLES:
                    self.examples.append(entry)
                continue
            before = latest.get(entry.input, entry.time_ms)
            if entry.time_ms < before:
                self.out_of_order += 1
                self.largest_step_back_ms = max(self.largest_step_back_ms, before - entry.time_ms)
            latest[entry.input] = max(before, entry.time_ms)
            turn_ms = max(turn_ms, entry.time_ms)
            yield (turn_ms, entry.input == "feedback"), entry
