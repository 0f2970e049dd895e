"""JSON lines, plain or gzipped: one event per line, or what ``kcat -J`` prints.

An event is what the topics carry (docs/contracts.md); its own ``timestamp`` stands for the time of the Kafka record. kcat's
envelope has the record's real time and topic, so it replays exactly what the worker saw. With a column mapping the lines are
the rows of a table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from driftbell.errors import UsageError
from driftbell.history.mapping import LABEL_TIME, ColumnMapping
from driftbell.history.opening import CutShortError, lines
from driftbell.history.record import (
    Entry,
    HistoryRecord,
    InputTopics,
    LaterLabel,
    Skip,
    SkipReason,
    inputs_of,
    record_time,
)
from driftbell.history.rows import Rows
from driftbell.schemas.bad_record import DECODE_ERRORS, BadRecord
from driftbell.schemas.cloudevents import open_envelope
from driftbell.schemas.timestamps import to_epoch_ms

#: The name that means standard input.
STDIN = "-"

_NULL = b"null"


class _Line(msgspec.Struct, gc=False):
    """The fields that tell what a line is. Everything else is passed over unread."""

    timestamp: Any = None
    version: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    prediction: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    label: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    # A CloudEvent in structured mode.
    specversion: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    time: Any = None
    # kcat -J: {"topic": ..., "partition": 0, "offset": 0, "tstype": "create", "ts": 1700000000000, "payload": "..."}
    topic: Any = msgspec.UNSET
    ts: Any = None
    payload: Any = msgspec.UNSET


_decode = msgspec.json.Decoder(_Line).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode


class JsonLines:
    """A file of JSON lines as a history source (``driftbell.history.record.Source``)."""

    def __init__(self, path: str, topics: InputTopics, mapping: ColumnMapping) -> None:
        self.name = "standard input" if path == STDIN else path
        self._path = path
        self._topics = topics
        self._rows = Rows(self.name, mapping) if mapping else None
        self.bytes_total = 0 if path == STDIN else Path(path).stat().st_size
        self.bytes_read = 0

    @property
    def notes(self) -> list[str]:
        """What was assumed of the rows of a mapped file."""
        return self._rows.notes if self._rows is not None else []

    def entries(self) -> Iterator[Entry]:
        """Every line that is not blank.

        Raises:
            CommandError: the file cannot be read, or is in a form that never has events in its lines (UsageError).
        """
        if self._path == STDIN:
            yield from self._lines(sys.stdin.buffer)
            return
        with Path(self._path).open("rb") as file:
            yield from self._lines(file)

    def _lines(self, file: IO[bytes]) -> Iterator[Entry]:
        number = 0
        first = True
        try:
            for number, line in enumerate(lines(file, self.name), start=1):
                if self.bytes_total:
                    self.bytes_read = file.tell()
                value = line.strip()
                if not value:
                    continue
                if first:
                    self._refuse(value)
                    first = False
                yield from self._entries(value, number)
        except CutShortError as error:
            yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{number}", str(error))
        self.bytes_read = self.bytes_total

    def _refuse(self, value: bytes) -> None:
        """Whole files that are no JSON lines, which their first line tells."""
        to = f"{self.name.rpartition('/')[2].partition('.')[0]}-lines.jsonl"
        if value.startswith(b"["):
            raise UsageError(
                f"{self.name} is one JSON array, and one event per line is read", f"jq -c '.[]' {self.name} > {to}"
            )
        if value == b"{":
            raise UsageError(
                f"{self.name} has events over several lines, and one per line is read", f"jq -c . {self.name} > {to}"
            )

    def _entries(self, value: bytes, number: int) -> Iterator[Entry]:
        place = f"{self.name}:{number}"
        try:
            if self._rows is not None:
                yield from self._rows.entries(_decode_row(value), number)
                return
            line = _decode(value)
        except DECODE_ERRORS as error:
            yield Skip(SkipReason.NOT_JSON, place, str(error))
            return
        if line.topic is not msgspec.UNSET and line.payload is not msgspec.UNSET:
            yield self._enveloped(line, place)
            return
        if line.specversion is not msgspec.UNSET and not _inputs(line):
            yield from self._cloudevent(value, line, place)
            return
        yield from self._event(value, line, place, line.timestamp)

    def _event(self, value: bytes, line: _Line, place: str, time: object) -> Iterator[Entry]:
        inputs = _inputs(line)
        if not inputs:
            yield Skip(SkipReason.NOT_AN_EVENT, place, "neither a `prediction` or `version` nor a `label`")
            return
        try:
            moment_ms = record_time(time)
            if len(inputs) == 1:
                yield HistoryRecord(inputs[0], moment_ms, value)
            else:
                yield from _both(value, moment_ms)
        except ValueError as error:
            yield Skip(SkipReason.NO_TIME, place, str(error))

    def _cloudevent(self, value: bytes, line: _Line, place: str) -> Iterator[Entry]:
        try:
            event = open_envelope(value)
            inner = _decode(event)
        except BadRecord as bad:
            yield Skip(SkipReason.NOT_AN_EVENT, place, bad.detail)
        except DECODE_ERRORS as error:
            yield Skip(SkipReason.NOT_JSON, place, str(error))
        else:
            # An event without a time is published as it is: the envelope's time is the one that the core finds, too.
            yield from self._event(event, inner, place, line.time if inner.timestamp is None else inner.timestamp)

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
        try:
            return HistoryRecord(kind, to_epoch_ms(line.ts), line.payload.encode())
        except ValueError as error:  # also text that is not Unicode
            return Skip(SkipReason.NO_TIME, place, f"`ts`: {error}")


def _there(raw: msgspec.Raw | msgspec.UnsetType) -> bool:
    return raw is not msgspec.UNSET and bytes(raw) != _NULL


def _inputs(line: _Line) -> tuple[Any, ...]:
    found = inputs_of(
        version=line.version is not msgspec.UNSET,
        answer=_there(line.prediction) or _there(line.error),
        label=_there(line.label),
    )
    # A null where a label should be is not left out but replayed: the core names what is wrong with it.
    return found or (("feedback",) if line.label is not msgspec.UNSET else ())


def _both(value: bytes, moment_ms: int) -> Iterator[Entry]:
    """The two events of a line that holds a prediction and its label."""
    fields = _decode_fields(value)
    label_time = msgspec.json.decode(fields.pop(LABEL_TIME, msgspec.Raw(_NULL)))
    label_ms = moment_ms if label_time is None else record_time(label_time)
    label = {name: fields[name] for name in ("prediction_id", "model", "label", "weight") if name in fields}
    prediction = {name: raw for name, raw in fields.items() if name not in ("label", "weight")}
    yield HistoryRecord("predictions", moment_ms, msgspec.json.encode(prediction))
    feedback = HistoryRecord("feedback", label_ms, msgspec.json.encode({**label, "timestamp": label_ms}))
    yield LaterLabel(feedback) if label_ms > moment_ms else feedback
