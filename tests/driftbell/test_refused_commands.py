"""What the router, or the command itself, does not do is said as every other error is: to standard error, with the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftbell import cli
from driftbell.alerting.state.silence import Answer
from driftbell.commands import ack, silence
from driftbell.exit_codes import ExitCode


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "driftbell.yaml"
    path.write_text("kafka: {bootstrap.servers: '127.0.0.1:9'}\n")
    return str(path)


@pytest.mark.parametrize(
    ("module", "command", "answer", "said"),
    [
        (
            ack,
            ["ack", "f00"],
            Answer(id="1", at_ms=0, reason="not_firing", error="nothing that fires is 'f00'"),
            "driftbell: nothing that fires is 'f00'\n  fix: `driftbell alerts` shows what fires, with its names\n",
        ),
        (
            silence,
            ["silence", "expire", "f00"],
            Answer(id="1", at_ms=0, reason="not_found", error="silence not found"),
            "driftbell: f00: silence not found\n  fix: `driftbell silence list` shows the ids\n",
        ),
    ],
)
def test_a_refusal_names_what_it_is_about_and_the_fix(
    module: object,
    command: list[str],
    answer: Answer,
    said: str,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "done", lambda config, actions: [answer])

    assert cli.main([*command, "-c", file]) == ExitCode.FAILED
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["--end", "2020-01-01T00:00:00Z"], "--end 2020-01-01T00:00:00Z is not after now"),
        (
            ["--start", "2999-01-02T00:00:00Z", "--end", "2999-01-01T00:00:00Z"],
            "--end 2999-01-01T00:00:00Z is not after its --start",
        ),
    ],
)
def test_a_silence_that_is_over_before_it_begins_is_refused_here(
    times: list[str], said: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["silence", "add", "model=fraud", "--comment", "x", *times, "-c", file]

    assert cli.main(command) == ExitCode.USAGE
    assert f"{said}\n  fix: give a later time, or --duration" in capsys.readouterr().err


def test_a_length_without_a_unit_is_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["silence", "add", "model=fraud", "--comment", "x", "-d", "5", "-c", file]

    assert cli.main(command) == ExitCode.USAGE
    assert "--duration: '5' has no unit\n  fix: write 5m for minutes" in capsys.readouterr().err
