"""Tables as a history: CSV and Parquet, mapped columns, and rows with a prediction and its label."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from driftbell.errors import UsageError
from driftbell.history import History, SkipReason
from driftbell.history.mapping import ColumnMapping
from driftbell.history.record import InputTopics
from driftbell.history.values import plain, time_ms
from driftbell.runtime.config.model import Config
from driftbell.schemas import Feedback, Prediction, decode_feedback, decode_prediction
from driftbell.streams.replay import replay
from tests.shared_cases import case

TOPICS = InputTopics("predictions", "feedback")
START = 1_795_000_000_000
MAP = ["prediction=score,label=y,timestamp=ts,features=*"]
CSV = """ts,score,y,amount,zip,new,comment
2026-11-18T11:06:40Z,1,0,12.5,01234,true,hello
2026-11-18T11:06:41Z,0,,nan,98765,false,"one, two"
2026-11-18 11:06:42,1,1,7,00001,,
"""


def opened(path: Path, *maps: str, constants: tuple[str, ...] = ()) -> History:
    return History.open([str(path)], TOPICS, ColumnMapping.parse(maps, constants))


def events(history: History) -> list[Prediction | Feedback]:
    """Every record, decoded as the core does it."""
    return [
        decode_prediction(record.value) if record.input == "predictions" else decode_feedback(record.value)
        for record in history
    ]


@pytest.mark.parametrize("name", ["loans.csv", "loans.csv.gz", "loans.tsv"])
def test_a_csv_of_another_tool_is_replayed_with_one_option(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = CSV.replace(",", "\t").replace("one\t", "one,") if "tsv" in name else CSV
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    history = opened(path, *MAP)

    found = events(history)

    assert found == [
        Prediction(
            prediction_id="2",
            model="loans",
            version="1",
            timestamp=START,
            features={"amount": 12.5, "zip": "01234", "new": True, "comment": "hello"},
            prediction=1,
        ),
        Feedback(prediction_id="2", model="loans", label=0, timestamp=START),
        Prediction(
            prediction_id="3",
            model="loans",
            version="1",
            timestamp=START + 1000,
            features={"zip": "98765", "new": False, "comment": "one, two"},
            prediction=0,
        ),
        Prediction(
            prediction_id="4",
            model="loans",
            version="1",
            timestamp=START + 2000,
            features={"amount": 7.0, "zip": "00001"},
            prediction=1,
        ),
        Feedback(prediction_id="4", model="loans", label=1, timestamp=START + 2000),
    ]
    assert history.progress == 1.0
    assert [note.partition("has no ")[2].partition(":")[0] for note in history.notes] == [
        "`model`",
        "`version`",
        "`prediction_id`",
    ]


def test_the_columns_of_a_csv_may_be_named_as_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "prediction_id;model;version;timestamp;prediction;features.amount;tags.shop;other\n"
        "007;m;2;1795000000;yes;3;4;x\n"
    )
    history = opened(path)

    (event,) = events(history)

    assert event == Prediction(
        prediction_id="007",
        model="m",
        version="2",
        timestamp=START,
        features={"amount": 3.0},
        prediction="yes",
        tags={"shop": "4"},
    )
    assert history.notes == [f"{path}: columns not used: other; --map features=* takes them as features"]


def test_a_dirty_cell_in_a_column_of_numbers_stays_text_so_that_it_is_a_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("timestamp,prediction,features.a\n" + "1795000000,1,2.5\n" * 1000 + "1795000000,1,oops\n")

    found = events(opened(path))

    assert [event.features for event in found if isinstance(event, Prediction)][999:] == [{"a": 2.5}, {"a": "oops"}]


def test_a_row_of_another_width_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("timestamp,prediction\n1795000000,1\n1795000000,1,2\n1795000000\n\n1795000001,0\n")
    history = opened(path)

    assert len(events(history)) == 2
    assert history.skipped == {SkipReason.BAD_ROW: 2}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a,b\n1,2\n", "no column `prediction`, `error` or `label`"),
        (b"prediction,prediction\n1,2\n", "two columns 'prediction'"),
        (b"prediction,timestamp\nM\xfcller,1795000000\n", "is not UTF-8 (line 2)"),
        (b"", "is empty"),
        ("prediction,timestamp\n1,2\n".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)

    with pytest.raises(UsageError) as refused:
        list(opened(path))

    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("maps", "problem"),
    [
        ("prediction", "expected FIELD=..."),
        ("prediction=", "expected FIELD=..."),
        ("inputs=*", "there is no field 'inputs'"),
        ("prediction=*", "gather columns"),
        ("prediction.x=a", "there is no field"),
        ("prediction=absent", "has no column 'absent'"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_in_one_line(tmp_path: Path, maps: str, problem: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(CSV)

    with pytest.raises(UsageError) as refused:
        list(opened(path, maps))

    assert problem in refused.value.problem


def test_a_misspelt_field_of_a_mapping_is_named() -> None:
    with pytest.raises(UsageError) as refused:
        ColumnMapping.parse(["inputs=*"])

    assert refused.value.fix == "did you mean `features`?"


def test_json_lines_of_another_tool_are_replayed_with_the_same_option(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"ts": 1795000000.5, "score": 0.25, "y": 1, "amount": 3, "who": None}) + "\n")
    history = opened(path, *MAP, constants=("model=loans,version=7",))

    prediction, label = events(history)

    assert prediction == Prediction(
        prediction_id="1", model="loans", version="7", timestamp=START + 500, features={"amount": 3.0}, prediction=0.25
    )
    assert label == Feedback(prediction_id="1", model="loans", label=1, timestamp=START + 500)


def test_labels_of_a_table_may_have_a_time_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "timestamp,prediction,label,label_timestamp\n1795000000,1,0,1795000090\n1795000060,1,1,1795000070\n"
    )

    history = opened(path)

    assert [(record.input, record.time_ms - START) for record in history] == [
        ("predictions", 0),
        ("predictions", 60_000),
        ("feedback", 70_000),
        ("feedback", 90_000),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_795_000_000, START),
        (1_795_000_000.25, START + 250),
        ("1795000000000", START),
        (1_795_000_000_000_000, START),
        (1_795_000_000_000_000_000, START),
        (Decimal("1795000000.5"), START + 500),
        ("2026-11-18", 1_794_960_000_000),
        ("2026-11-18T12:06:40+01:00", START),
        ("2026-11-18 11:06:40", START),
        (dt.date(2026, 11, 18), 1_794_960_000_000),
        (dt.datetime(2026, 11, 18, 11, 6, 40), START),  # noqa: DTZ001 - without a zone is the point
        (dt.datetime(2026, 11, 18, 11, 6, 40, tzinfo=dt.UTC), START),
    ],
)
def test_a_time_in_a_table_may_be_written_in_many_ways(value: Any, expected: int) -> None:
    assert time_ms(value) == expected


@pytest.mark.parametrize(
    "value", ["", "noon", True, None, 5, -1, 1e300, float("nan"), dt.date(1, 1, 1), dt.time(1), b"x"]
)
def test_what_is_no_time_in_a_table_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"time|epoch|negative|RFC 3339|1980"):
        time_ms(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("48.98"), 48.98),
        (Decimal("NaN"), None),
        (Decimal("1e400"), None),
        (float("inf"), None),
        (dt.date(1970, 1, 2), 86_400_000),
        (dt.time(1, 2, 3, 4000), 3_723_004),
        (dt.timedelta(seconds=1.5), 1500),
        (b"text", "text"),
        (b"\xff\x00", "ff00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": Decimal(1), "b": None, "c": [Decimal("0.5")]}, {"a": 1.0, "c": [0.5]}),
        (object(), None),
    ],
)
def test_values_of_tables_become_values_of_events(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_every_type_of_parquet_is_a_number_a_time_or_text(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    moment = dt.datetime(2026, 11, 18, 11, 6, 40, tzinfo=dt.UTC)
    table = {
        "prediction_id": pa.array([12345678901234567890], pa.decimal128(20, 0)),
        "model": pa.array(["m"]).dictionary_encode(),
        "version": pa.array([dt.date(2026, 11, 1)]),
        "timestamp": pa.array([START * 1_000_000 + 1], pa.timestamp("ns")),
        "prediction": pa.array([Decimal("1.5")], pa.decimal128(10, 2)),
        "label": pa.array([Decimal("1.25")], pa.decimal256(40, 2)),
        "features.day": pa.array([dt.date(1970, 1, 2)]),
        "features.at": pa.array([moment], pa.timestamp("us", "Europe/Vienna")),
        "features.took": pa.array([1_500_000_000], pa.duration("ns")),
        "features.clock": pa.array([1_000_000_001], pa.time64("ns")),
        "features.small": pa.array([1.5], pa.float16()) if hasattr(pa, "float16") else pa.array([1.5]),
        "features.raw": pa.array([b"x"]),
        "tags.code": pa.array([Decimal(7)], pa.decimal128(5, 0)),
    }
    pq.write_table(pa.table(table), path)

    prediction, label = events(opened(path))

    assert prediction == Prediction(
        prediction_id="12345678901234567890",
        model="m",
        version="2026-11-01",
        timestamp=START,
        prediction=1.5,
        features={
            "day": 86_400_000.0,
            "at": float(START),
            "took": 1500.0,
            "clock": 1000.0,
            "small": 1.5,
            "raw": "x",
        },
        tags={"code": "7"},
    )
    assert label == Feedback(prediction_id="12345678901234567890", model="m", label=1.25, timestamp=START)


def test_a_parquet_file_by_another_name_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "export.dat"
    pq.write_table(pa.table({"timestamp": [START], "score": [1.0]}), path)

    assert len(events(opened(path, "prediction=score"))) == 1


def test_decimal_features_give_what_double_features_give() -> None:
    decimals, doubles = (list(opened(case(f"F09_feature_{kind}.parquet"))) for kind in ("decimal", "double"))

    assert decimals == doubles
    assert len(decimals) == 8000


@pytest.mark.slow
def test_decimal_labels_give_the_metrics_of_double_labels() -> None:
    def outcome(kind: str) -> list[bytes | None]:
        paths = [str(case(name)) for name in ("F09_predictions.parquet", f"F09_labels_{kind}.parquet")]
        steps = replay(History.open(paths, TOPICS), Config())
        return [record.value for step in steps for record in step.outbox]

    found = outcome("decimal")

    assert found == outcome("double")
    assert any(b"mean_absolute_error" in (value or b"") for value in found)


def test_a_number_of_thousands_of_digits_is_text_and_a_time_of_hundreds_is_none(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    rows = [f"{START + number},1,{number}" for number in range(3)]
    path.write_text("\n".join(["ts,score,amount", *rows, f"{START + 3},1,{'9' * 5000}", f"{'9' * 400},1,1", ""]))
    history = opened(path, "prediction=score,timestamp=ts,features=*")

    found = list(history)

    assert len(found) == 4
    assert json.loads(found[3].value)["features"]["amount"] == "9" * 5000
    assert history.skipped == {SkipReason.NO_TIME: 1}
    assert history.examples[0].place == f"{path}:6"


@pytest.mark.parametrize("time", ["9" * 400, "-" + "9" * 400, "9" * 5000, "9" * 400 + ".5"])
def test_a_time_beyond_every_float_is_a_named_skip(tmp_path: Path, time: str) -> None:
    path = tmp_path / "loans.jsonl"
    path.write_text(f'{{"ts": "{time}", "score": 1}}\n{{"ts": {time[:400]}, "score": 1}}\n')
    history = opened(path, "prediction=score,timestamp=ts")

    assert list(history) == []
    assert history.skipped.total() == 2


def quoted(path: Path, rows: int, at: int, cell: str) -> History:
    """A table in which row ``at`` has another cell; row n is line n + 2."""
    cells = [cell if number == at else f"c{number}" for number in range(rows)]
    body = [f"{START + number},1,{text}" for number, text in enumerate(cells)]
    path.write_text("\n".join(["ts,score,comment", *body, ""]))
    return opened(path, "prediction=score,timestamp=ts,features=*")


@pytest.mark.parametrize(("rows", "at"), [(400, 10), (20, 10), (11, 10), (1500, 1200)])
def test_a_stray_quote_cuts_the_table_short_at_its_line_and_loses_nothing_before_it(
    tmp_path: Path, rows: int, at: int
) -> None:
    path = tmp_path / "loans.csv"
    history = quoted(path, rows, at, '"never closed')

    assert len(list(history)) == at
    (end,) = history.cut_short
    assert end.place == f"{path}:{at + 2}"
    assert "is not closed until" in end.detail
    assert history.failure() is not None


def test_a_cell_of_several_lines_is_one_cell_and_is_noted(tmp_path: Path) -> None:
    history = quoted(tmp_path / "loans.csv", 5, 2, '"two\nlines, ""quoted"""')

    found = list(history)

    assert len(found) == 5
    assert json.loads(found[2].value)["features"]["comment"] == 'two\nlines, "quoted"'
    assert history.failure() is None
    assert any("a row spans 2 lines (from line 4 on)" in note for note in history.notes)


def test_the_rows_before_the_early_end_of_a_packed_table_are_read(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv.gz"
    rows = "\n".join(f"{START + number},1,{uuid.UUID(int=number**5)}" for number in range(900))
    path.write_bytes(gzip.compress(f"ts,score,id\n{rows}\n".encode())[:-3000])
    history = opened(path, "prediction=score,timestamp=ts,features=*")

    assert len(list(history)) > 100
    assert len(history.cut_short) == 1


def bad_parquet_columns() -> dict[str, tuple[Any, int, str]]:
    """By name: a column of three rows, how many of them can be read, and what is said of the others."""
    pa = pytest.importorskip("pyarrow")
    offsets = pa.array([0, 2, 4, 6], pa.int32()).buffers()[1]
    text = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"ab\xff\xfecd")])
    far = [0, 10**18, 1]
    nested = [{"at": value} for value in far]
    struct_keys = pa.map_(pa.struct([("a", pa.int64())]), pa.int64())
    return {
        "text": (text, 2, "text that is not UTF-8"),
        "time": (pa.array(far, pa.timestamp("ms")), 2, "beyond the years 1 to 9999"),
        "nested time": (pa.array(nested, pa.struct([("at", pa.timestamp("ms"))])), 2, "beyond the years 1 to 9999"),
        "date": (pa.array([0, 2**30, 1], pa.date32()), 2, "beyond the years 1 to 9999"),
        "duration": (pa.array([0, 2**62, 1], pa.duration("s")), 2, "beyond the years 1 to 9999"),
        "zone": (pa.array([0, 1, 2], pa.timestamp("ms", "Mars/Phobos")), 0, "Mars/Phobos"),
        "map": (pa.array([[], [({"a": 1}, 2)], []], struct_keys), 2, "a map whose keys are no single values"),
    }


@pytest.mark.parametrize("kind", ["text", "time", "nested time", "date", "duration", "zone", "map"])
def test_a_value_that_python_does_not_have_costs_its_row_of_a_parquet_file(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    column, readable, reason = bad_parquet_columns()[kind]
    path = tmp_path / "loans.parquet"
    pq.write_table(pa.table({"ts": [START, START + 1, START + 2], "score": [1, 0, 1], "odd": column}), path)
    history = opened(path, "prediction=score,timestamp=ts,features=*")

    assert len(list(history)) == readable
    assert history.skipped == {SkipReason.BAD_ROW: 3 - readable}
    first = history.examples[0]
    assert first.place == f"{path}:{2 if readable else 1}"
    assert "column 'odd'" in first.detail
    assert reason in first.detail
