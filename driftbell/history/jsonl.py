"""JSON lines, plain or gzipped: one event per line, or what ``kcat -J`` prints.

An event is what the topics carry (docs/events.md); its own ``timestamp`` stands for the time of the Kafka record. kcat's
envelope has the record's real time and topic, so it replays exactly what the worker saw.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from driftbell.history.record import HistoryRecord, InputTopics, Skip, SkipReason, input_of, record_time

#: The name that means standard input.
STDIN = "-"


class _Line(msgspec.Struct, gc=False):
    """The fields that tell what a line is. Everything else is passed over unread."""

    timestamp: Any = None
    version: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    label: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    # kcat -J: {"topic": ..., "partition": 0, "offset": 0, "tstype": "create", "ts": 1700000000000, "payload": "..."}
    topic: Any = msgspec.UNSET
    ts: Any = None
    payload: Any = msgspec.UNSET


_decode = msgspec.json.Decoder(_Line).decode


class JsonLines:
    """A file of JSON lines as a history source (``driftbell.history.record.Source``)."""

    def __init__(self, path: str, topics: InputTopics) -> None:
        self.name = "standard input" if path == STDIN else path
        self._path = path
        self._topics = topics
        self.bytes_total = 0 if path == STDIN else Path(path).stat().st_size
        self.bytes_read = 0

    def entries(self) -> Iterator[HistoryRecord | Skip]:
        """Every line that is not blank. Raises OSError when the file cannot be read."""
        if self._path == STDIN:
            yield from self._lines(sys.stdin.buffer, None)
            return
        with Path(self._path).open("rb") as file:
            if self._path.endswith(".gz"):
                with gzip.open(file) as unpacked:
                    yield from self._lines(unpacked, file)
            else:
                yield from self._lines(file, None)

    def _lines(self, lines: Iterable[bytes], packed: IO[bytes] | None) -> Iterator[HistoryRecord | Skip]:
        for number, line in enumerate(lines, start=1):
            # Of a gzipped file only the position in the packed bytes says how far we are.
            self.bytes_read = self.bytes_read + len(line) if packed is None else packed.tell()
            value = line.strip()
            if value:
                yield self._entry(value, number)

    def _entry(self, value: bytes, number: int) -> HistoryRecord | Skip:
        place = f"{self.name}:{number}"
        try:
            line = _decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Skip(SkipReason.NOT_JSON, place, str(error))
        if line.topic is not msgspec.UNSET and line.payload is not msgspec.UNSET:
            return self._enveloped(line, place)
        kind = input_of(line)
        if kind is None:
            return Skip(SkipReason.NOT_AN_EVENT, place, "neither a `version` (prediction) nor a `label` (feedback)")
        try:
            return HistoryRecord(kind, record_time(line.timestamp), value)
        except ValueError as error:
            return Skip(SkipReason.NO_TIME, place, str(error))

    def _enveloped(self, line: _Line, place: str) -> HistoryRecord | Skip:
        kind = self._topics.input(line.topic)
        if kind is None:
            return Skip(SkipReason.OTHER_TOPIC, place, f"topic {line.topic!r} is not an input of the configuration")
        if line.payload is None:
            return Skip(SkipReason.TOMBSTONE, place, "no value")
        if not isinstance(line.payload, str):
            return Skip(SkipReason.NOT_AN_EVENT, place, "`payload` is not text; run kcat with -J and no -s")
        if isinstance(line.ts, bool) or not isinstance(line.ts, int):
            return Skip(SkipReason.NO_TIME, place, "`ts` is not a number of milliseconds")
        return HistoryRecord(kind, line.ts, line.payload.encode())
