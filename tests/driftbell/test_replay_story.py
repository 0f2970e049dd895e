"""Replaying a history finds what a worker would have found, the same in every run and however the files are cut."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from driftbell import cli
from driftbell.demo.data import readings
from driftbell.demo.story import Phase
from driftbell.demo.traffic import Traffic
from driftbell.exit_codes import ExitCode

START = 1_700_000_000_000

#: Seconds of the phases.
LENGTHS = {Phase.QUIET: 12, Phase.BROKEN: 10, Phase.FIXED: 45}

RATE = 300


class Files:
    """A publisher that writes events as they would be published, at the story's own time."""

    def __init__(self, directory: Path) -> None:
        self.seconds = 0.0
        self.mixed = directory / "events.jsonl"
        self.predictions = directory / "predictions.jsonl"
        self.labels = directory / "labels.jsonl"
        self._open = {path: path.open("w") for path in (self.mixed, self.predictions, self.labels)}

    def close(self) -> None:
        for file in self._open.values():
            file.close()

    def predict(self, model: str, version: str, prediction: object, **event: Any) -> str:
        self._write(self.predictions, {"model": model, "version": version, "prediction": prediction, **event})
        return str(event["prediction_id"])

    def label(self, model: str, prediction_id: object, label: object) -> None:
        self._write(self.labels, {"model": model, "prediction_id": prediction_id, "label": label})

    def _write(self, path: Path, event: dict[str, Any]) -> None:
        line = json.dumps(event | {"timestamp": START + round(self.seconds * 1000)}) + "\n"
        for target in (path, self.mixed):
            self._open[target].write(line)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The demo's story as files."""
    files = Files(tmp_path_factory.mktemp("story"))
    traffic = Traffic(readings(seed=7), files, now=lambda: files.seconds, stopwatch=lambda: 0.0)
    traffic.train()
    for phase, length in LENGTHS.items():
        traffic.phase = phase
        for _ in range(length * RATE):
            traffic.answer()
            files.seconds += 1 / RATE
            traffic.give_labels()
    files.close()
    return files


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "driftbell.yaml"
    file.write_text("monitoring: {reference: {events: 1500, labels: 1000}}\n")
    return str(file)


def alerts(capsys: pytest.CaptureFixture[str], config: str, *files: Path) -> list[dict[str, Any]]:
    assert cli.main(["replay", "--quiet", "--json", "--config", config, *map(str, files)]) == ExitCode.OK
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.slow
def test_the_change_is_found_by_its_data_and_later_by_its_labels_and_all_is_closed(
    story: Files, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = alerts(capsys, config, story.mixed)

    began = {
        (alert["labels"]["alertname"], alert["labels"].get("feature")): alert["startsAt"]
        for alert in found
        if alert["status"] == "firing"
    }
    assert {("OutOfRange", "f7"), ("UnseenCategory", "mode"), ("FeatureDrift", "f7")} < began.keys()
    assert began["ErrorRateHigh", None] > began["OutOfRange", "f7"]
    assert Counter(alert["status"] for alert in found if alert["status"] != "pending") == {
        "firing": len(began),
        "resolved": len(began),
    }


@pytest.mark.slow
def test_nothing_pages_before_the_change(story: Files, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = alerts(capsys, config, story.mixed)

    assert min(alert["startsAt"] for alert in found) >= "2023-11-14T22:13:32"  # START and 12 quiet seconds


@pytest.mark.slow
def test_two_runs_are_equal_to_the_byte(story: Files, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert alerts(capsys, config, story.mixed) == alerts(capsys, config, story.mixed)


@pytest.mark.slow
def test_the_same_events_in_two_files_give_the_same_alerts(
    story: Files, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert alerts(capsys, config, story.labels, story.predictions) == alerts(capsys, config, story.mixed)


@pytest.mark.slow
def test_the_report_is_for_people(story: Files, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "--quiet", "--config", config, str(story.mixed)]) == ExitCode.OK

    text = capsys.readouterr().out
    assert f"{sum(LENGTHS.values()) * RATE:,} predictions" in text
    assert "alerts would have been raised" in text
    assert "(no receiver configured)" in text
    assert "data and drift watched from 2023-11-14 22:13:2" in text
    assert re.search(r"accuracy +f1", text)
    assert " strongly" in text and "PSI" not in text
    assert "error rate of shuttle v1 rose" in text
