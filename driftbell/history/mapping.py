"""Which column of a table holds which field: ``prediction=score,label=y,timestamp=ts,features=*``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.errors import UsageError
from driftbell.schemas.contract import FEEDBACK, PREDICTION
from driftbell.schemas.unknown_fields import nearest

#: When the label of a row became known; without it, at the time of its prediction.
LABEL_TIME = "label_timestamp"
#: Stands for every column that is not used otherwise.
EVERYTHING_ELSE = "*"

FIELDS = PREDICTION.fields | FEEDBACK.fields | {LABEL_TIME}
#: Fields that gather several columns, each under a key.
GATHERING = frozenset({"features", "tags", "scores", "attributions"})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Field (with a key after a dot: ``features.amount``) to column, and values that are the same in every row."""

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    #: The field that all columns go into which are not used otherwise.
    rest: str | None = None

    @classmethod
    def parse(cls, maps: Sequence[str], constants: Sequence[str] = ()) -> ColumnMapping:
        """Read ``FIELD=COLUMN,...`` (``--map``) and ``FIELD=VALUE,...`` (``--set``).

        Raises:
            UsageError: not of that form, or there is no such field.
        """
        columns: dict[str, str] = {}
        rest = None
        for name, column in _pairs("--map", maps):
            if column == EVERYTHING_ELSE:
                if name not in GATHERING:
                    raise UsageError(f"--map {name}=*: only {', '.join(sorted(GATHERING))} gather columns")
                rest = name
            else:
                columns[name] = column
        return cls(columns, dict(_pairs("--set", constants)), rest)

    def __bool__(self) -> bool:
        return bool(self.columns or self.constants or self.rest)

    def places(self, header: Collection[str]) -> dict[str, str]:
        """Column to field, for the columns of a table that are used.

        A column that is named as a field is that field, unless another column was mapped to it.
        """
        mapped = {column: name for name, column in self.columns.items()}
        found = {}
        for column in header:
            if column in mapped:
                found[column] = mapped[column]
            elif column.partition(".")[0] in FIELDS and column not in self.columns:
                found[column] = column
            elif self.rest is not None:
                found[column] = f"{self.rest}.{column}"
        return found

    def check(self, header: Collection[str], table: str) -> None:
        """Hold the mapping against the columns of a table.

        Raises:
            UsageError: a column is not there, or nothing would be a prediction or a label.
        """
        shown = ", ".join(list(header)[:20])
        absent = [column for column in self.columns.values() if column not in header]
        if absent:
            raise UsageError(f"{table} has no column {', '.join(map(repr, absent))}", f"its columns are: {shown}")
        fields = {place.partition(".")[0] for place in self.places(header).values()} | self.constants.keys()
        if not fields & {"prediction", "error", "label"}:
            raise UsageError(
                f"{table} has no column `prediction`, `error` or `label`; its columns are: {shown}",
                "say which: --map prediction=COLUMN,label=COLUMN,timestamp=COLUMN,features=*",
            )


def _pairs(option: str, given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for part in (part.strip() for text in given for part in text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise UsageError(f"{option} {part}: expected FIELD=...", f"for example {option} prediction=score")
        first, dot, key = name.partition(".")
        if first not in FIELDS or (dot and (first not in GATHERING or not key)):
            meant = nearest(first, FIELDS)
            fix = f"did you mean `{meant}`?" if meant else f"fields are: {', '.join(sorted(FIELDS))}"
            raise UsageError(f"{option} {part}: there is no field {name!r}", fix)
        pairs.append((name, value))
    return pairs
