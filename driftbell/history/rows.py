"""Rows of a table to events: columns gathered into fields, and a row with a prediction and its label is both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from driftbell.history.mapping import GATHERING, LABEL_TIME, ColumnMapping
from driftbell.history.record import Entry, HistoryRecord, LaterLabel, Skip, SkipReason, inputs_of
from driftbell.history.values import plain, text, time_ms
from driftbell.schemas.contract import FEEDBACK, PREDICTION

#: What a table need not have, with what stands in for it.
DEFAULT_VERSION = "1"

_TEXTS = frozenset((*PREDICTION.texts, "tags"))
_TIMES = frozenset({"timestamp", LABEL_TIME})
#: Where a row holds both, these belong to the label.
_OF_LABEL = frozenset({"label", "weight", LABEL_TIME})
_NOTED_COLUMNS = 10


class Rows:
    """Turns the rows of one table into history records. ``notes`` say what was assumed."""

    def __init__(self, table: str, mapping: ColumnMapping) -> None:
        self._table = table
        self._mapping = mapping
        self._model = Path(table).name.partition(".")[0] or "model"
        self._places: dict[str, str] = {}
        self._ignored: Counter[str] = Counter()
        self._assumed: dict[str, str] = {}

    def entries(self, row: dict[str, Any], number: int) -> Iterator[Entry]:
        """The events of row ``number``; a value of None is missing."""
        place = f"{self._table}:{number}"
        event = self._event(row)
        inputs = inputs_of(
            version="version" in event, answer="prediction" in event or "error" in event, label="label" in event
        )
        if not inputs:
            yield Skip(SkipReason.NOT_AN_EVENT, place, "neither a `prediction` (or `error`) nor a `label`")
            return
        self._default(event, number, prediction="predictions" in inputs)
        try:
            made_ms = time_ms(event["timestamp"])
            label_ms = time_ms(event[LABEL_TIME]) if LABEL_TIME in event else made_ms
        except KeyError:
            yield Skip(SkipReason.NO_TIME, place, "no `timestamp`; name its column with --map timestamp=COLUMN")
            return
        except ValueError as error:
            yield Skip(SkipReason.NO_TIME, place, str(error))
            return
        if "predictions" in inputs:
            yield _record("predictions", made_ms, {k: v for k, v in event.items() if k not in _OF_LABEL})
        if "feedback" in inputs:
            alone = len(inputs) == 1
            fields = FEEDBACK.fields if alone else FEEDBACK.fields - {"tags"}
            feedback = _record("feedback", label_ms, {k: v for k, v in event.items() if k in fields})
            yield feedback if label_ms <= made_ms or alone else LaterLabel(feedback)

    @property
    def notes(self) -> list[str]:
        """What was assumed of the table and what was left out of it, as sentences."""
        notes = [f"{self._table} has no `{name}`: {what}" for name, what in self._assumed.items()]
        if self._ignored:
            columns = list(self._ignored)
            more = f" and {len(columns) - _NOTED_COLUMNS} more" if len(columns) > _NOTED_COLUMNS else ""
            notes.append(
                f"{self._table}: columns not used: {', '.join(columns[:_NOTED_COLUMNS])}{more}; "
                "--map features=* takes them as features"
            )
        return notes

    def _event(self, row: dict[str, Any]) -> dict[str, Any]:
        places = self._places_of(row.keys())
        event: dict[str, Any] = dict(self._mapping.constants)
        for column, raw in row.items():
            where = places.get(column)
            if where is None or raw is None:
                continue
            field, dot, key = where.partition(".")
            value = raw if field in _TIMES else text(raw) if field in _TEXTS else plain(raw)
            if value is None:
                continue
            if dot and field in GATHERING:
                gathered = event.setdefault(field, {})
                if isinstance(gathered, dict):
                    gathered[key] = value
            else:
                event[field] = value
        return event

    def _places_of(self, columns: Collection[str]) -> dict[str, str]:
        if not self._places.keys() >= set(columns):
            self._places = {**dict.fromkeys(columns, ""), **self._mapping.places(columns), **self._places}
            self._ignored.update(column for column in columns if not self._places[column])
        return {column: self._places[column] for column in columns if self._places[column]}

    def _default(self, event: dict[str, Any], number: int, *, prediction: bool) -> None:
        """Tables of one model seldom name it in every row."""
        defaults = {"model": self._model}
        if prediction:
            defaults |= {"version": DEFAULT_VERSION, "prediction_id": str(number)}
        for name, value in defaults.items():
            if name not in event:
                event[name] = value
                shown = "the number of the row stands in" if name == "prediction_id" else f"{value!r} stands in"
                self._assumed.setdefault(name, shown)


def _record(kind: Any, moment_ms: int, event: dict[str, Any]) -> HistoryRecord:
    return HistoryRecord(kind, moment_ms, msgspec.json.encode({**event, "timestamp": moment_ms}))
