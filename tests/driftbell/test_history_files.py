"""Files as people have them: what can be read is read, and what cannot is one clear line with the fix and no exit code 0."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from driftbell.cli import main
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode
from driftbell.history import History, SkipReason, opening
from driftbell.history.record import InputTopics
from driftbell.schemas.codec import decode_feedback, decode_prediction
from tests.shared_cases import case

TOPICS = InputTopics("predictions", "feedback")
START = 1_795_000_000_000


def prediction(number: int, **fields: Any) -> dict[str, Any]:
    made = {"prediction_id": f"p-{number}", "model": "m", "version": "1", "timestamp": START + number * 1000}
    return {**made, "prediction": number % 2, **fields}


def json_lines(count: int) -> bytes:
    return b"".join(json.dumps(prediction(number)).encode() + b"\n" for number in range(count))


def read(path: Path) -> History:
    """The history of one file, read to its end."""
    history = History.open([str(path)], TOPICS)
    list(history)
    return history


def replayed(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``driftbell replay``."""
    code = main(["replay", "--quiet", str(path), *options])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "bom.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json_lines(5))

    assert read(path).records["predictions"] == 5


def test_a_packed_file_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(gzip.compress(json_lines(3)) + gzip.compress(json_lines(2)))

    history = read(path)

    assert history.records["predictions"] == 5
    assert history.progress == 1.0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
def test_utf_16_is_refused_with_the_command_that_converts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str, packed: bool
) -> None:
    path = tmp_path / "windows.jsonl"
    content = json_lines(3).decode().encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)

    code, _, err = replayed(path, capsys)

    assert code == 2
    assert "is UTF-16, and UTF-8 is read" in err
    assert "iconv -f UTF-16" in err
    assert ("gzip -dc" in err) is packed


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (json.dumps([prediction(1), prediction(2)]), "jq -c '.[]'"),
        (json.dumps([prediction(1), prediction(2)], indent=2), "jq -c '.[]'"),
        (json.dumps(prediction(1), indent=2), "jq -c ."),
    ],
)
def test_json_that_is_no_json_lines_is_refused_with_the_command_that_makes_lines_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, command: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)

    code, _, err = replayed(path, capsys)

    assert code == 2
    assert command in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_packed_file_that_ends_in_the_middle_is_read_that_far_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.jsonl.gz"
    whole = gzip.compress(json_lines(2000))
    path.write_bytes(whole[: len(whole) // 2])

    code, out, err = replayed(path, capsys)
    history = read(path)

    assert code == 1
    assert "the gzip file ends in the middle" in err
    assert f"{history.records['predictions']:,} predictions" in out
    assert history.records["predictions"] > 500
    assert history.skipped == {SkipReason.CUT_SHORT: 1}


def test_a_packed_file_that_is_damaged_is_read_that_far_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl.gz"
    content = bytearray(gzip.compress(json_lines(20_000)))
    content[len(content) // 2 :] = random.Random(1).randbytes(len(content) - len(content) // 2)
    path.write_bytes(bytes(content))

    history = read(path)

    assert 5000 < history.records["predictions"] < 15_000
    assert "is damaged" in str(history.failure())


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2999-01-01T00:00:00Z"])
def test_a_year_that_no_event_is_from_is_left_out_and_the_rest_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    path = tmp_path / "p.jsonl"
    odd = json.dumps(prediction(50, timestamp=moment)).encode() + b"\n"
    path.write_bytes(json_lines(50) + odd + json_lines(60)[len(json_lines(50)) :])

    code, out, _ = replayed(path, capsys)

    assert code == ExitCode.FOUND, "read, but too short to watch anything"
    assert "60 predictions" in out
    assert "p.jsonl:51: no_time" in out


@pytest.mark.parametrize("ts", [-1, 0, 10**17, 10**30])
def test_a_record_time_of_kcat_that_is_none_is_left_out(tmp_path: Path, ts: int) -> None:
    path = tmp_path / "k.jsonl"
    line = json.dumps({"topic": "predictions", "ts": ts, "payload": json.dumps(prediction(1))}).encode()
    path.write_bytes(line + b"\n" + json_lines(1))

    assert read(path).skipped == {SkipReason.NO_TIME: 1}


@pytest.mark.parametrize("content", ["", "\n\n", "hello\n", '{"hello": "world"}\n', json.dumps({"version": "1"})])
def test_nothing_read_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    path = tmp_path / "nothing.jsonl"
    path.write_text(content)

    code, _, err = replayed(path, capsys)

    assert code == 1
    assert "nothing was read" in err


def test_events_that_are_all_dead_letters_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"version": "1", "timestamp": START}) + "\n")

    code, out, err = replayed(path, capsys)

    assert code == 1
    assert "missing_field" in out
    assert "not one of the 1 events could be used" in err


def test_a_field_under_another_name_is_named_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(prediction(number, inputs={"a": 1})) + "\n" for number in range(3)))

    _, out, _ = replayed(path, capsys)

    assert (
        "in 3 events of predictions the field `inputs` is in no contract and was ignored; did you mean `features`?"
        in out
    )


def test_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        History.open([str(tmp_path)], TOPICS)


def test_a_packed_standard_input_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(json_lines(3)))))

    assert len(list(History.open(["-"], TOPICS))) == 3


def test_a_line_with_a_prediction_and_its_label_is_both(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    path.write_text(
        json.dumps(prediction(1, label=1, weight=0.5)) + "\n" + json.dumps(prediction(2, label=None)) + "\n"
    )

    first, second, third = History.open([str(path)], TOPICS)

    assert decode_prediction(first.value).prediction == 1
    label = decode_feedback(second.value)
    assert (label.prediction_id, label.label, label.weight, second.time_ms) == ("p-1", 1, 0.5, first.time_ms)
    assert third.input == "predictions"


def test_a_label_that_became_known_later_waits_for_its_time(tmp_path: Path) -> None:
    path = tmp_path / "later.jsonl"
    rows = [prediction(n, label=n % 2, label_timestamp=START + n * 1000 + 2500) for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    history = History.open([str(path)], TOPICS)

    records = [(record.input[0], record.time_ms - START) for record in history]

    assert records == [
        ("p", 0),
        ("p", 1000),
        ("p", 2000),
        ("f", 2500),
        ("p", 3000),
        ("f", 3500),
        ("f", 4500),
        ("f", 5500),
    ]
    assert history.out_of_order == 0


def test_a_label_that_names_its_version_is_feedback(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text(json.dumps({"prediction_id": "p", "model": "m", "version": "1", "label": 1, "timestamp": START}))

    assert [record.input for record in History.open([str(path)], TOPICS)] == ["feedback"]


def test_a_cloudevent_in_a_line_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ce.jsonl"
    data = {name: value for name, value in prediction(1).items() if name != "timestamp"}
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2026-11-18T11:06:41Z"}
    path.write_text(json.dumps({**envelope, "data": data}) + "\n")

    (record,) = History.open([str(path)], TOPICS)

    assert record.time_ms == START + 1000
    assert decode_prediction(record.value).prediction_id == "p-1"


CASES = [
    ("F15a_year_10000.jsonl", 199, 1),
    ("F15b_year_0.jsonl", 199, 1),
    ("F17_bom.jsonl", 5, 0),
]


@pytest.mark.parametrize(("name", "records", "left_out"), CASES)
def test_a_file_of_past_trouble_is_read(name: str, records: int, left_out: int) -> None:
    history = read(case(name))

    assert (history.records.total(), history.skipped.total()) == (records, left_out)
    assert history.failure() is None


def test_the_truncated_file_of_past_trouble_is_read_to_its_last_whole_line() -> None:
    history = read(case("F16_truncated.jsonl.gz"))

    assert history.records.total() > 900
    assert isinstance(history.failure(), CommandError)


@pytest.mark.parametrize("name", ["20c_utf16.jsonl", "20d_array.json"])
def test_a_file_of_past_trouble_is_refused_with_a_fix(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(case(name))

    assert refused.value.fix


def test_two_labels_of_enormous_weight_are_dead_letters_and_the_replay_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = replayed(case("F01_two_heavy_labels.jsonl.gz"), capsys)

    assert code == ExitCode.OK
    assert "2 events would have been dead-lettered: out_of_range 2" in out


def test_a_long_line_is_read_in_time_that_grows_with_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_PIECE", 2)
    long = b"x" * 300_000  # in pieces of two bytes, a second of copying where each is added to those before

    assert list(opening.lines(io.BytesIO(b"a\n\n" + long + b"\nb\n" + long), "f")) == [b"a", b"", long, b"b", long]


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_LINE_BYTES", 1 << 20)
    path = tmp_path / "one-line.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(1) + b"x" * (3 << 20)))

    code, _, err = replayed(path, capsys)

    assert code != ExitCode.OK
    assert f"{path}: line 2 is longer than 1 MiB" in err
