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

#: Lines of one row; a quote too many makes one row of all that follow it.
MOST_LINES = 100
#: A whole number of more digits stays text: it may lie beyond every float, and no model's feature counts that far.
MOST_DIGITS = 308

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>"})
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_TRUTHS = {"true": True, "false": False}

Read = Callable[[str], Any]


class _OpenQuoteError(CutShortError):
    """A quote is not closed; ``line`` is where its row begins."""

    def __init__(self, line: int, until: str) -> None:
        super().__init__(
            f'a quote (") that opens in this row is not closed until {until}; nothing from here on was read: remove it, or '
            'double it ("") inside a quoted cell'
        )
        self.line = line


class _Lines:
    """The lines of the file, counted, so many to a row at most."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0
        #: Where the row begins; 0 in front of the first.
        self.row_line = 0
        self.at_end = False

    def begin_row(self) -> None:
        """The next line begins a row."""
        self.row_line = self.number + 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.at_end = True
            raise StopIteration
        self.number += 1
        if self.row_line and self.number - self.row_line >= MOST_LINES:
            raise _OpenQuoteError(self.row_line, f"{MOST_LINES} lines later")
        return line


class CsvTable:
    """A CSV file as a history source (``driftbell.history.record.Source``)."""

    def __init__(self, path: str, mapping: ColumnMapping) -> None:
        self.name = path
        self._mapping = mapping
        self._rows = Rows(path, mapping)
        self.bytes_total = Path(path).stat().st_size
        self.bytes_read = 0
        #: Lines of the row that has most of them, and where it begins.
        self._longest, self._longest_line = 1, 0

    @property
    def notes(self) -> list[str]:
        """What was assumed of the table."""
        notes = self._rows.notes
        if self._longest > 1:
            notes.append(
                f"{self.name}: a row spans {self._longest} lines (from line {self._longest_line:,} on); if these are rows of "
                "their own, a quote is missing or too many"
            )
        return notes

    def entries(self) -> Iterator[Entry]:
        """Every row.

        Raises:
            CommandError: the file cannot be read; a UsageError says that it is no table, or not one of events.
        """
        number = 1
        with Path(self.name).open("rb") as file:
            try:
                text = _Lines(self._text(lines(file, self.name)))
                heading = next((line for line in text if line.strip()), "")
                separator = max(SEPARATORS, key=heading.count)
                header = [name.strip() for name in next(csv.reader([heading], delimiter=separator), [])]
                self._check(header)
                rows = self._whole_rows(text, separator)
                sample, end = _sample(rows)
                reads = [_reader(column) for column in itertools.zip_longest(*sample, fillvalue="")]
                reads += [_text_cell] * (len(header) - len(reads))
                for number, row in enumerate(itertools.chain(sample, end), start=2):
                    self.bytes_read = file.tell()
                    if len(row) == len(header):
                        cells = {name: read(cell) for name, read, cell in zip(header, reads, row, strict=False)}
                        yield from self._rows.entries(cells, number)
                    elif row:
                        detail = f"{len(row)} cells, and the table has {len(header)} columns"
                        yield Skip(SkipReason.BAD_ROW, f"{self.name}:{number}", detail)
            except _OpenQuoteError as error:
                yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{error.line}", str(error))
            except CutShortError as error:
                yield Skip(SkipReason.CUT_SHORT, f"{self.name}:{number}", str(error))
            except csv.Error as error:
                raise UsageError(f"{self.name} cannot be read as CSV after row {number}: {error}") from None
        self.bytes_read = self.bytes_total

    def _whole_rows(self, text: _Lines, separator: str) -> Iterator[list[str]]:
        """The rows; raises _OpenQuoteError at one that a quote has swallowed others into."""
        rows = csv.reader(text, delimiter=separator)
        text.begin_row()
        for row in rows:
            if text.at_end:  # the reader asked for more, so the row is not over
                raise _OpenQuoteError(text.row_line, "the end of the file")
            length = text.number - text.row_line + 1
            if length > self._longest:
                self._longest, self._longest_line = length, text.row_line
            yield row
            text.begin_row()

    def _text(self, lines: Iterable[bytes]) -> Iterator[str]:
        for number, line in enumerate(lines, start=1):
            try:
                yield line.decode() + "\n"
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


def _sample(rows: Iterator[list[str]]) -> tuple[list[list[str]], Iterator[list[str]]]:
    """The first rows, and an iterator of all others: where the file fails among the first, these are not lost."""
    sample: list[list[str]] = []
    try:
        for row in itertools.islice(rows, TYPED_BY_ROWS):
            sample.append(row)  # noqa: PERF402 - those before an error are kept
    except (CutShortError, csv.Error) as error:
        return sample, map(_fail, (error,))
    return sample, rows


def _fail(error: Exception) -> list[str]:
    raise error


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
