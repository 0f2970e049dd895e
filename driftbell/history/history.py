"""A history: several files read as one stream of records in the order of their time."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from driftbell.errors import CommandError, UsageError
from driftbell.history.believed import Believed
from driftbell.history.csv_table import ENDINGS, CsvTable
from driftbell.history.jsonl import STDIN, JsonLines
from driftbell.history.mapping import ColumnMapping
from driftbell.history.opening import PARQUET_MAGIC
from driftbell.history.parquet import Parquet
from driftbell.history.record import HistoryRecord, Input, InputTopics, LaterLabel, Skip, SkipReason, Source

#: Time and, on equal times, order of a record.
Turn = tuple[tuple[int, bool], HistoryRecord]

#: Skipped entries that are kept with their place, as examples for the report; all are counted.
KEPT_EXAMPLES = 5


class History:
    """Iterate it once; the counters are right when the iteration is over, and on their way while it runs.

    Inside a file the order of the entries is kept, as Kafka keeps it inside a partition: an entry that is older than the
    one before it counts in ``out_of_order``, and takes its turn at the time of the one before. Between files the smaller
    time goes first; on equal times predictions go before feedback. A label that stands in the row of its prediction, with a
    time of its own, waits for that time. An entry whose time is far ahead of all around it is not believed; see ``Believed``.
    """

    def __init__(self, sources: Sequence[Source], now_ms: int | None = None) -> None:
        """``now_ms``: nothing has happened later; by default the machine's clock says."""
        self._sources = sources
        self._now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        self.records: Counter[Input] = Counter()
        self.skipped: Counter[SkipReason] = Counter()
        self.examples: list[Skip] = []
        #: The ends of files that end in the middle.
        self.cut_short: list[Skip] = []
        self.out_of_order = 0
        #: The largest step back in milliseconds.
        self.largest_step_back_ms = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None

    @classmethod
    def open(cls, paths: Sequence[str], topics: InputTopics, mapping: ColumnMapping | None = None) -> History:
        """A history of files: Parquet, CSV (``.csv``, ``.tsv``, also gzipped), JSON lines otherwise, ``-`` standard input.

        Args:
            mapping: which columns hold which fields, in every file.

        Raises:
            UsageError: a file is not there.
        """
        return cls([_source(path, topics, mapping or ColumnMapping()) for path in paths])

    @property
    def notes(self) -> list[str]:
        """How files were understood, where something was assumed or left out; complete at the end."""
        return [note for source in self._sources for note in source.notes]

    def failure(self) -> CommandError | None:
        """Why a replay of it must not pass for one of everything, to be asked for at the end; None if all is well."""
        names = ", ".join(source.name for source in self._sources)
        if self.cut_short:
            return CommandError("; ".join(f"{end.place}: {end.detail}" for end in self.cut_short))
        if self.records.total():
            return None
        if not self.examples:
            return CommandError(f"nothing was read: {names} has no entries")
        first = self.examples[0]
        return CommandError(
            f"nothing was read: all {self.skipped.total():,} entries of {names} were left out, "
            f"{first.place} because of {first.reason}: {first.detail}",
            "docs/cli.md says what a file must hold; --map names the columns of a table",
        )

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

    def _stream(self, source: Source) -> Iterator[Turn]:
        order, believed = _Order(self), Believed(self._now_ms)
        waiting: list[tuple[int, int, HistoryRecord]] = []
        for number, entry in enumerate(source.entries()):
            if isinstance(entry, Skip):
                self.skipped[entry.reason] += 1
                if entry.reason is SkipReason.CUT_SHORT:
                    self.cut_short.append(entry)
                if len(self.examples) < KEPT_EXAMPLES:
                    self.examples.append(entry)
                continue
            if isinstance(entry, LaterLabel):
                heapq.heappush(waiting, (entry.record.time_ms, number, entry.record))
                continue
            for record in believed.take(entry):
                while waiting and waiting[0][0] < record.time_ms:
                    yield order.turn(heapq.heappop(waiting)[2])
                yield order.turn(record)
        for record in believed.end():
            yield order.turn(record)
        while waiting:
            yield order.turn(heapq.heappop(waiting)[2])

    def note_step_back(self, step_ms: int) -> None:
        """An entry was so much older than the one before it."""
        self.out_of_order += 1
        self.largest_step_back_ms = max(self.largest_step_back_ms, step_ms)


class _Order:
    """When the records of one file take their turn: never before the one in front of them."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._latest: dict[Input, int] = {}
        self._turn_ms = 0

    def turn(self, record: HistoryRecord) -> Turn:
        before = self._latest.get(record.input, record.time_ms)
        if record.time_ms < before:
            self._history.note_step_back(before - record.time_ms)
        self._latest[record.input] = max(before, record.time_ms)
        self._turn_ms = max(self._turn_ms, record.time_ms)
        return (self._turn_ms, record.input == "feedback"), record


def _source(path: str, topics: InputTopics, mapping: ColumnMapping) -> Source:
    if path == STDIN:
        return JsonLines(path, topics, mapping)
    try:
        with Path(path).open("rb") as file:
            magic = file.read(len(PARQUET_MAGIC))
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such file", "give JSON lines (.jsonl, .jsonl.gz), CSV (.csv, .csv.gz), Parquet, or - for stdin"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if magic == PARQUET_MAGIC or path.endswith(".parquet"):
        return Parquet(path, mapping)
    return CsvTable(path, mapping) if path.lower().endswith(ENDINGS) else JsonLines(path, topics, mapping)
