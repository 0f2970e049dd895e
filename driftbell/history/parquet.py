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
                    for row in _microseconds(batch).to_pylist(maps_as_pydicts="lossy"):
                        done += 1
                        self.bytes_read = self.bytes_total * done // rows
                        yield from self._rows.entries(row, done)
            except (pa.ArrowException, OSError) as error:
                detail = f"the Parquet file is damaged after {done:,} rows, which were read: {error}"
                yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{done}", detail)
        self.bytes_read = self.bytes_total


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
