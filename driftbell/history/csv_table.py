"""CSV files, plain or gzipped: one event per row, the columns named as the fields of an event or mapped to them.

The first row names the columns; comma, semicolon, tab and bar separate them. CSV has no types, so a column is read as numbers
if every cell of its first rows is one, as true and false if every one is, and as text otherwise. Digits with a zero before
them are text: they are codes.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from driftbell.errors import UsageError
from driftbell.history.mapping import ColumnMapping
from driftbell.history.opening import CutShortError, lines
from driftbell.history.record import Entry, Skip, SkipReason
from driftbell.history.rows import Rows

SEPARATORS = ",;\t|"
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
#: Rows by which the types of the columns are decided.
TYPED_BY_ROWS = 1000

#: A whole number of more digits stays text: it may lie beyond every float, and no model's feature counts that far.
MOST_DIGITS = 308

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>"})
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_TRUTHS = {"true": True, "false": False}

Read = Callable[[str], Any]


class CsvTable:
    """A CSV file as a history source (``driftbell.history.record.Source``)."""

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
        """Every row.

        Raises:
            CommandError: the file cannot be read; a UsageError says that it is no table, or not one of events.
        """
        number = 1
        with Path(self.name).open("rb") as file:
            try:
                text = self._text(lines(file, self.name))
                heading = next((line for line in text if line.strip()), "")
                separator = max(SEPARATORS, key=heading.count)
                header = [name.strip() for name in next(csv.reader([heading], delimiter=separator), [])]
                self._check(header)
                rows = csv.reader(text, delimiter=separator)
                sample = list(itertools.islice(rows, TYPED_BY_ROWS))
                reads = [_reader(column) for column in itertools.zip_longest(*sample, fillvalue="")]
                reads += [_text_cell] * (len(header) - len(reads))
                for number, row in enumerate(itertools.chain(sample, rows), start=2):
                    self.bytes_read = file.tell()
                    if len(row) == len(header):
                        cells = {name: read(cell) for name, read, cell in zip(header, reads, row, strict=False)}
                        yield from self._rows.entries(cells, number)
                    elif row:
                        detail = f"{len(row)} cells, and the table has {len(header)} columns"
                        yield Skip(SkipReason.BAD_ROW, f"{self.name}:{number}", detail)
            except CutShortError as error:
                yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{number}", str(error))
            except csv.Error as error:
                raise UsageError(f"{self.name} cannot be read as CSV after row {number}: {error}") from None
        self.bytes_read = self.bytes_total

    def _text(self, lines: Iterable[bytes]) -> Iterator[str]:
        for number, line in enumerate(lines, start=1):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise UsageError(
                    f"{self.name} is not UTF-8 (line {number})",
                    f"if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 {self.name} > utf8.csv",
                ) from None

    def _check(self, header: list[str]) -> None:
        if not header:
            raise UsageError(f"{self.name} is empty")
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise UsageError(f"{self.name} has two columns {twice[0]!r}")
        self._mapping.check(header, self.name)


def _reader(column: Iterable[str]) -> Read:
    """How the cells of a column are read, by its first ones."""
    cells = [cell for cell in map(str.strip, column) if cell.lower() not in _MISSING]
    if cells and all(_NUMBER.fullmatch(cell) for cell in cells):
        return _number_cell
    if cells and all(cell.lower() in _TRUTHS for cell in cells):
        return _truth_cell
    return _text_cell


def _text_cell(cell: str) -> str | None:
    cell = cell.strip()
    return None if cell.lower() in _MISSING else cell


def _number_cell(cell: str) -> float | str | None:
    """A number; what is none stays text, so that the monitors see a wrong type."""
    text = _text_cell(cell)
    if text is None or not _NUMBER.fullmatch(text):
        return text
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= MOST_DIGITS else text
    return float(text)


def _truth_cell(cell: str) -> bool | str | None:
    text = _text_cell(cell)
    return text if text is None else _TRUTHS.get(text.lower(), text)
