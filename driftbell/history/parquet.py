"""Parquet files: one event per row, the columns named as the fields of an event.

``features``, ``tags``, ``scores`` and ``attributions`` are a struct column, a map column, or one column per key with a dot
(``features.amount``). Null, and NaN where a number may be missing, mean "missing". A timestamp column may be a Parquet
timestamp (without a zone it is UTC). Needs the extra ``driftbell[parquet]``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from driftbell.errors import UsageError
from driftbell.history.record import HistoryRecord, Skip, SkipReason, input_of, record_time

#: Rows turned into events at a time; bounds the memory of wide tables.
BATCH_ROWS = 4096


class Parquet:
    """A Parquet file as a history source (``driftbell.history.record.Source``)."""

    def __init__(self, path: str) -> None:
        self.name = path
        self.bytes_total = Path(path).stat().st_size
        self.bytes_read = 0

    def entries(self) -> Iterator[HistoryRecord | Skip]:
        """Every row. Raises UsageError when the file is not Parquet, or when pyarrow is absent."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise UsageError(
                f"{self.name} is a Parquet file, and pyarrow is not installed", "pip install 'driftbell[parquet]'"
            ) from None
        try:
            table = pq.ParquetFile(self.name)
        except pa.ArrowInvalid as error:
            raise UsageError(f"{self.name} cannot be read as Parquet: {error}") from None
        with table:
            rows, done = table.metadata.num_rows, 0
            for batch in table.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.to_pylist(maps_as_pydicts="lossy"):
                    done += 1
                    self.bytes_read = self.bytes_total * done // rows
                    yield _entry(row, f"{self.name}:{done}")


def _entry(row: dict[str, Any], place: str) -> HistoryRecord | Skip:
    event = _nested(row)
    kind = input_of(event)
    if kind is None:
        return Skip(SkipReason.NOT_AN_EVENT, place, "neither a `version` (prediction) nor a `label` (feedback)")
    try:
        return HistoryRecord(kind, record_time(event.get("timestamp")), msgspec.json.encode(event))
    except ValueError as error:
        return Skip(SkipReason.NO_TIME, place, str(error))


def _nested(row: dict[str, Any]) -> dict[str, object]:
    """The event of a row: dotted columns gathered, missing values left out, times in epoch milliseconds."""
    event: dict[str, Any] = {}
    for column, raw in row.items():
        value = _plain(raw)
        if value is None:
            continue
        field, dot, key = column.partition(".")
        if dot:
            event.setdefault(field, {})[key] = value
        else:
            event[field] = value
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dict):
        return {key: plain for key, item in value.items() if (plain := _plain(item)) is not None}
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return round(moment.timestamp() * 1000)
    return value
