"""Histories: files of past events become one stream in time order, and nothing that is left out goes uncounted."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.errors import UsageError
from driftbell.history import History, HistoryRecord, Skip, SkipReason
from driftbell.history.record import Input as InputName
from driftbell.history.record import InputTopics
from driftbell.runtime.config.model import Topics
from driftbell.schemas.codec import decode_feedback, decode_prediction
from driftbell.streams.records import Input

TOPICS = InputTopics("predictions", "feedback")
START = 1_700_000_000_000


def test_a_history_knows_every_input_by_its_name() -> None:
    assert set(get_args(InputName)) == {stream.value for stream in Input}
    assert {InputTopics(**{s.value: s.topic(Topics()) for s in Input}).input(s.topic(Topics())) for s in Input} == set(
        Input
    )


def prediction(number: int, time_ms: int, **fields: Any) -> dict[str, Any]:
    return {
        "prediction_id": f"p{number}",
        "model": "fraud",
        "version": "3",
        "timestamp": time_ms,
        "features": {"amount": 1.5},
        "prediction": "ok",
        **fields,
    }


def label(number: int, time_ms: int) -> dict[str, Any]:
    return {"prediction_id": f"p{number}", "model": "fraud", "label": "ok", "timestamp": time_ms}


def write(path: Path, *lines: dict[str, Any] | str) -> str:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return str(path)


def test_two_files_are_merged_by_time_with_predictions_first_on_ties(tmp_path: Path) -> None:
    predictions = write(
        tmp_path / "p.jsonl", prediction(1, START), prediction(2, START + 10), prediction(3, START + 30)
    )
    labels = write(tmp_path / "l.jsonl", label(1, START + 10), label(2, START + 20))

    records = list(History.open([labels, predictions], TOPICS))

    assert [(record.input, record.time_ms - START) for record in records] == [
        ("predictions", 0),
        ("predictions", 10),
        ("feedback", 10),
        ("feedback", 20),
        ("predictions", 30),
    ]


def test_the_value_of_a_record_is_the_line_and_decodes_as_an_event(tmp_path: Path) -> None:
    path = write(tmp_path / "mixed.jsonl", prediction(1, START), label(1, START + 5))

    first, second = History.open([path], TOPICS)

    assert decode_prediction(first.value).prediction_id == "p1"
    assert decode_feedback(second.value).label == "ok"


def test_rfc_3339_times_are_understood(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", prediction(1, 0, timestamp="2023-11-14T22:13:20Z"))

    (record,) = History.open([path], TOPICS)

    assert record.time_ms == START


def test_gzipped_lines_are_read_and_progress_ends_at_one(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(json.dumps(prediction(n, START + n)).encode() for n in range(100))))
    history = History.open([str(path)], TOPICS)

    assert len(list(history)) == 100
    assert history.progress == 1.0


def test_standard_input_is_read_and_has_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.BytesIO(json.dumps(prediction(1, START)).encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines))
    history = History.open(["-"], TOPICS)

    assert len(list(history)) == 1
    assert history.progress is None


def test_kcat_envelopes_carry_the_record_time_and_the_topic(tmp_path: Path) -> None:
    envelope = {"topic": "feedback", "partition": 0, "offset": 7, "tstype": "create", "ts": START + 99, "broker": 1}
    path = write(tmp_path / "k.jsonl", {**envelope, "key": "fraud", "payload": json.dumps(label(1, START))})

    (record,) = History.open([path], TOPICS)

    assert (record.input, record.time_ms) == ("feedback", START + 99)
    assert decode_feedback(record.value).prediction_id == "p1"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", SkipReason.NOT_JSON),
        ("[1, 2]", SkipReason.NOT_JSON),
        ('{"features": {"x": NaN}}', SkipReason.NOT_JSON),
        ('{"hello": "world"}', SkipReason.NOT_AN_EVENT),
        ('{"version": "1"}', SkipReason.NO_TIME),
        ('{"version": "1", "timestamp": 1700000000}', SkipReason.NO_TIME),
        ('{"version": "1", "timestamp": true}', SkipReason.NO_TIME),
        ('{"version": "1", "timestamp": "yesterday"}', SkipReason.NO_TIME),
        ('{"topic": "orders", "ts": 1700000000000, "payload": "{}"}', SkipReason.OTHER_TOPIC),
        ('{"topic": "feedback", "ts": 1700000000000, "payload": null}', SkipReason.TOMBSTONE),
        ('{"topic": "feedback", "ts": 1700000000000, "payload": {}}', SkipReason.NOT_AN_EVENT),
        ('{"topic": "feedback", "ts": null, "payload": "{}"}', SkipReason.NO_TIME),
    ],
)
def test_a_line_that_cannot_be_used_is_counted_under_its_reason_with_its_place(
    tmp_path: Path, line: str, reason: SkipReason
) -> None:
    path = write(tmp_path / "p.jsonl", prediction(1, START), line, prediction(2, START + 1))
    history = History.open([path], TOPICS)

    assert len(list(history)) == 2
    assert history.skipped == {reason: 1}
    assert history.examples[0].place == f"{path}:2"
    assert history.examples[0].detail


def test_entries_out_of_order_keep_the_order_of_the_file_and_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", *(prediction(n, START + time) for n, time in enumerate((0, 500, 200, 600))))
    history = History.open([path], TOPICS)

    assert [record.time_ms - START for record in history] == [0, 500, 200, 600]
    assert (history.out_of_order, history.largest_step_back_ms) == (1, 300)
    assert (history.first_ms, history.last_ms) == (START, START + 600)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        History.open([str(tmp_path / "absent.jsonl")], TOPICS)


def test_parquet_rows_become_events(tmp_path: Path) -> None:
    import datetime as dt

    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "p.parquet"
    moment = dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    pq.write_table(
        pa.table(
            {
                "prediction_id": ["a", "b", "c"],
                "model": ["fraud"] * 3,
                "version": ["3"] * 3,
                "timestamp": pa.array([moment] * 3, pa.timestamp("us", tz="UTC")),
                "prediction": ["ok", "ok", None],
                "error": [None, None, "timeout"],
                "features": [{"amount": 1.0, "country": "DE"}, {"amount": float("nan"), "country": None}, None],
                "tags.region": ["eu", None, None],
                "attributions": pa.array([[("amount", 0.5)], None, None], pa.map_(pa.string(), pa.float64())),
            }
        ),
        path,
    )
    history = History.open([str(path)], TOPICS)

    events = [decode_prediction(record.value) for record in history]

    assert [event.features for event in events] == [{"amount": 1.0, "country": "DE"}, {}, {}]
    assert events[0].tags == {"region": "eu"}
    assert events[0].attributions == {"amount": 0.5}
    assert events[2].error == "timeout"
    assert (history.first_ms, history.last_ms) == (START, START)
    assert history.progress == 1.0


def test_a_file_that_is_not_parquet_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    path.write_text("not parquet at all")

    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        list(History.open([str(path)], TOPICS))


class Listed:
    """A source made by hand."""

    name, bytes_total, bytes_read = "listed", 0, 0
    notes: list[str] = []

    def __init__(self, listed: list[HistoryRecord]) -> None:
        self._listed = listed

    def entries(self) -> Any:
        return iter(self._listed)


times = st.lists(st.integers(0, 50).map(lambda step: START + step), max_size=30)


@given(times, times)
def test_merging_loses_nothing_and_keeps_each_files_order(first: list[int], second: list[int]) -> None:
    one = [HistoryRecord("predictions", time, str(n).encode()) for n, time in enumerate(first)]
    two = [HistoryRecord("feedback", time, str(n).encode()) for n, time in enumerate(second)]

    merged = list(History([Listed(one), Listed(two)]))

    assert [record for record in merged if record.input == "predictions"] == one
    assert [record for record in merged if record.input == "feedback"] == two


@given(times, times)
def test_merging_sorted_files_is_sorting(first: list[int], second: list[int]) -> None:
    one = [HistoryRecord("predictions", time, b"") for time in sorted(first)]
    two = [HistoryRecord("feedback", time, b"") for time in sorted(second)]

    merged = list(History([Listed(two), Listed(one)]))

    assert merged == sorted(one + two, key=lambda record: (record.time_ms, record.input == "feedback"))


def test_examples_are_few_and_counts_are_complete() -> None:
    skips: Any = [Skip(SkipReason.NOT_JSON, f"f:{n}", "bad") for n in range(20)]
    history = History([Listed(skips)])

    assert list(history) == []
    assert history.skipped == {SkipReason.NOT_JSON: 20}
    assert len(history.examples) == 5
