"""Parquet files: one event per row, the columns named as the fields of an event or mapped to them.

``features``, ``tags``, ``scores`` and ``attributions`` are a struct column, a map column, or one column per key with a dot
(``features.amount``). Null, and NaN where a number may be missing, mean "missing". Decimals, dates, times and durations are
numbers (``driftbell.history.values``). Needs the extra ``driftbell[parquet]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driftbell.errors import UsageError
from driftbell.history.mapping import ColumnMapping
from driftbell.history.record import Entry, Skip, SkipReason
from driftbell.history.rows import Rows

#: Rows turned into events at a time; bounds the memory of wide tables.
BATCH_ROWS = 4096

#: What pyarrow raises on a value that Python has no type for; its own errors of this kind are ValueErrors, too.
_NO_VALUE = (ValueError, OverflowError, TypeError, LookupError, NotImplementedError)


class Parquet:
    """A Parquet file as a history source (``driftbell.history.record.Source``)."""

    def __init__(self, path: str, mapping: ColumnMapping) -> None:
        self.name = path
        self._mapping = mapping
        self._rows = Rows(path, mapping)
        self.bytes_total = Path(path).stat().st_size
        self.bytes_read = 0

    @property
    def notes(self) -> list[str]:
        """What was assumed of the table."""
        return self._rows.notes

    def entries(self) -> Iterator[Entry]:
        """Every row. Raises UsageError when the file is not Parquet, has no events, or when pyarrow is absent."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise UsageError(
                f"{self.name} is a Parquet file, and pyarrow is not installed", "pip install 'driftbell[parquet]'"
            ) from None
        try:
            table = pq.ParquetFile(self.name)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{self.name} cannot be read as Parquet: {error}") from None
        with table:
            self._mapping.check(table.schema_arrow.names, self.name)
            rows, done = table.metadata.num_rows, 0
            try:
                for batch in table.iter_batches(batch_size=BATCH_ROWS):
                    for row in _rows(batch):
                        done += 1
                        self.bytes_read = self.bytes_total * done // rows
                        if isinstance(row, str):
                            yield Skip(SkipReason.BAD_ROW, f"{self.name}:{done}", row)
                        else:
                            yield from self._rows.entries(row, done)
            except (pa.ArrowException, OSError) as error:
                detail = f"the Parquet file is damaged after {done:,} rows, which were read: {error}"
                yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{done}", detail)
        self.bytes_read = self.bytes_total


def _rows(batch: Any) -> Iterator[dict[str, Any] | str]:
    """Every row, or the sentence that says why Python cannot have it."""
    try:
        rows = _values(_microseconds(batch))
    except _NO_VALUE as error:
        if batch.num_rows == 1:
            yield _why(batch, error)
            return
        # The half without the bad row is read at once.
        half = batch.num_rows // 2
        yield from _rows(batch.slice(0, half))
        yield from _rows(batch.slice(half))
    else:
        yield from rows


def _values(columns: Any) -> list[Any]:
    """A batch or a column as Python's values."""
    values: list[Any] = columns.to_pylist(maps_as_pydicts="lossy")
    return values


def _why(row: Any, error: Exception) -> str:
    for name in row.schema.names:
        try:
            _values(_microseconds(row.select([name])))
        except _NO_VALUE as found:
            return f"column {name!r} holds {_what(found)}"
    return f"the row cannot be read: {error}"


def _what(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "text that is not UTF-8"
        case OverflowError():
            return "a time or a length of time beyond the years 1 to 9999"
        case LookupError():
            return f"times of an unknown zone: {error}"
        case TypeError():
            return "a map whose keys are no single values"
        case _:
            return f"what cannot be read: {error}"


def _microseconds(batch: Any) -> Any:
    """Times in nanoseconds, as pandas writes them, to microseconds: Python has no finer ones."""
    import pyarrow as pa

    def coarser(column: Any) -> Any:
        kind = column.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            return column.cast(pa.timestamp("us", kind.tz), safe=False)
        if pa.types.is_duration(kind) and kind.unit == "ns":
            return column.cast(pa.duration("us"), safe=False)
        if pa.types.is_time64(kind) and kind.unit == "ns":
            return column.cast(pa.time64("us"), safe=False)
        return column

    return pa.RecordBatch.from_arrays([coarser(column) for column in batch.columns], names=batch.schema.names)
