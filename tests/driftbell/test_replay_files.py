"""A replay of ordinary files says what it watched and what it could not, and never reassures without reason."""

from __future__ import annotations

import io
import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftbell import cli
from driftbell.exit_codes import ExitCode
from driftbell.replay.copies import Copies
from driftbell.replay.fitting import Basis, fitted, reference_choice, tick_of
from driftbell.replay.survey import Survey, survey
from driftbell.runtime.config.model import Config
from driftbell.schemas.timestamps import MAX_EPOCH_MS

START = 1_700_000_000_000


def events(
    count: int, *, first: int = 0, scale: float = 1.0, step_ms: int = 1000, model: str = "fraud", labels: bool = False
) -> Iterator[dict[str, Any]]:
    """Predictions with one feature, at equal distances."""
    rng = random.Random(first)
    for number in range(first, first + count):
        at = START + number * step_ms
        answer = rng.choice(["ok", "fraud"])
        yield {
            "prediction_id": f"{model}-{number}",
            "model": model,
            "version": "3",
            "timestamp": at,
            "prediction": answer,
            "features": {"amount": rng.gauss(10, 3) * scale},
        }
        if labels:
            yield {"prediction_id": f"{model}-{number}", "model": model, "timestamp": at + 10, "label": answer}


def written(file: Path, *parts: Iterator[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(event) + "\n" for part in parts for event in part))
    return str(file)


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTBELL_CONFIG", raising=False)


@pytest.mark.slow
def test_a_change_in_a_file_shorter_than_the_workers_reference_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "e.jsonl", events(1500), events(1500, first=1500, scale=1000))

    assert cli.main(["replay", "--quiet", file]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "against the first 600 predictions" in text
    assert "FeatureDrift" in text


@pytest.mark.slow
def test_with_the_workers_reference_such_a_file_cannot_say_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "e.jsonl", events(1500), events(1500, first=1500, scale=1000))

    assert cli.main(["replay", "--quiet", "--reference", "worker", file]) == ExitCode.FOUND
    text = capsys.readouterr().out
    assert "NOT WATCHED" in text
    assert "cannot say whether anything would have paged" in text


@pytest.mark.slow
def test_a_reference_of_its_own_is_learned_and_not_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = written(tmp_path / "may.jsonl", events(800))
    # A month lies between the two: a silence of its own, which is not this file's.
    file = written(tmp_path / "june.jsonl", events(800, first=2_600_000, scale=1000))

    assert cli.main(["replay", "--quiet", "--reference", before, file]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "800 predictions and 0 labels" in text
    assert "against the first 800 predictions" in text
    assert "FeatureDrift" in text
    assert "ModelSilent" not in text


def test_a_reference_that_is_not_earlier_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "e.jsonl", events(300))

    assert cli.main(["replay", "--quiet", "--reference", file, file]) == ExitCode.USAGE
    assert "does not end before" in capsys.readouterr().err


@pytest.mark.slow
def test_labels_that_go_on_after_the_predictions_are_no_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = (
        {**event, "timestamp": event["timestamp"] + 7_200_000}
        for event in events(3000, labels=True)
        if "label" in event
    )
    file = written(tmp_path / "p.jsonl", events(3000))
    labels = written(tmp_path / "l.jsonl", late)

    assert cli.main(["replay", "--quiet", file, labels]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "ModelSilent" not in text
    assert "the predictions of fraud end before the file does" in text


@pytest.mark.slow
def test_a_model_that_falls_silent_while_others_go_on_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = sorted([*events(3000), *events(9000, model="churn")], key=lambda event: event["timestamp"])
    file = written(tmp_path / "e.jsonl", iter(both))

    assert cli.main(["replay", "--quiet", file]) == ExitCode.OK
    assert "ModelSilent" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "no json\n" * 20, '{"a": 1}\n' * 20], ids=["empty", "no json", "no event"])
def test_a_file_of_which_nothing_can_be_read_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text(text)

    assert cli.main(["replay", "--quiet", str(file)]) == ExitCode.FAILED
    assert "driftbell: " in capsys.readouterr().err


@pytest.mark.slow
def test_standard_input_is_read_as_a_file_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "e.jsonl", events(1000))
    given = io.TextIOWrapper(io.BytesIO((tmp_path / "e.jsonl").read_bytes()))
    monkeypatch.setattr("sys.stdin", given)

    assert cli.main(["replay", "--quiet", "-"]) == ExitCode.OK
    assert "against the first 200 predictions" in capsys.readouterr().out


@pytest.mark.slow
def test_the_table_reaches_to_the_end_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "e.jsonl", events(2000, labels=True))

    assert cli.main(["replay", "--quiet", file]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "2,000 predictions, 2,000 with a label" in text


@pytest.mark.parametrize(
    ("text", "basis", "amount"),
    [
        (None, Basis.FITTED, 0),
        ("worker", Basis.WORKER, 0),
        ("20%", Basis.SHARE, 0.2),
        ("first 20 %", Basis.SHARE, 0.2),
        ("5,000", Basis.EVENTS, 5000),
        ("first 5000 events", Basis.EVENTS, 5000),
    ],
)
def test_a_reference_can_be_said_in_the_ways_that_people_say_it(text: str | None, basis: Basis, amount: float) -> None:
    choice = reference_choice(text)

    assert choice is not None
    assert choice.basis is basis
    assert choice.amount == pytest.approx(amount)


def test_anything_else_is_a_file() -> None:
    assert reference_choice("may.jsonl") is None


def test_a_reference_of_everything_leaves_nothing_to_watch_and_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 % and 100 %"):
        reference_choice("100%")


def test_a_month_at_an_event_a_minute_is_looked_at_a_few_thousand_times_and_a_busy_hour_as_often_as_by_a_worker() -> (
    None
):
    month = Survey(records=43_200, first_ms=0, last_ms=30 * 86_400_000)
    hour = Survey(records=3_600_000, first_ms=0, last_ms=3_600_000)

    assert month.span_ms / 1000 / tick_of(Config(), month) <= 4000
    assert tick_of(Config(), hour) == Config().worker.tick


def test_a_large_file_keeps_the_workers_reference() -> None:
    found = Survey(records=50_000, first_ms=0, last_ms=50_000_000)
    found.predictions["fraud", "3", "live"] = 50_000

    choice = reference_choice(None)
    assert choice is not None
    assert (
        fitted(Config(), found, choice).monitoring_for("fraud").reference.events == Config().monitoring.reference.events
    )


def test_the_survey_counts_what_it_cannot_read_without_stopping() -> None:
    from driftbell.history import HistoryRecord

    found = survey([HistoryRecord("predictions", START, b"{"), HistoryRecord("feedback", START, b"[]")])

    assert (found.records, found.models) == (2, [])


@pytest.mark.slow
def test_a_file_that_reaches_to_the_last_moment_of_an_event_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (
        {
            "model": "fraud",
            "version": "1",
            "prediction_id": str(number),
            "timestamp": MAX_EPOCH_MS - (1999 - number) * 1000,
            "prediction": number % 2,
            "features": {"amount": number % 17 + 30 * (number > 1500)},
        }
        for number in range(2000)
    )

    code = cli.main(["replay", "--quiet", written(tmp_path / "end.jsonl", lines)])

    out = capsys.readouterr().out
    assert code == ExitCode.OK
    assert "2199-12-31T23:59:59 UTC" in out
    assert "FeatureDrift" in out


@pytest.mark.slow
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = Path(written(tmp_path / "e.jsonl", events(1000))).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()

    code = cli.main(["replay", "--quiet", str(pipe)])

    writer.join(5)
    out, err = capsys.readouterr()
    assert code == ExitCode.OK
    assert out.startswith("1,000 predictions")
    assert f"reading {pipe}, which is no file, to its end" in err


def test_standard_input_can_be_the_reference_and_be_named_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.TextIOWrapper(io.BytesIO(b"some lines\n"))
    monkeypatch.setattr("sys.stdin", given)
    copies = Copies(tmp_path)

    first, again = copies.readable("-"), copies.readable("-")

    assert first == again
    assert Path(first).read_bytes() == b"some lines\n"
    assert copies.readable("/dev/null") == "/dev/null"
    assert copies.readable(str(tmp_path)) == str(tmp_path)
