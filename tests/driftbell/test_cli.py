"""The command line: help that helps, errors of one line with a fix, exit codes that mean something."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from driftbell import cli
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode

#: Where the packages are, for processes that start elsewhere.
ROOT = Path(cli.__file__).parent.parent

COMMANDS = [
    ["demo"],
    ["worker"],
    ["router"],
    ["topics", "create"],
    ["topics", "list"],
    ["topics", "check"],
    ["config", "check"],
    ["config", "show"],
    ["config", "import"],
    ["replay"],
    ["events", "tail"],
    ["why"],
    ["ack"],
    ["snooze"],
    ["unack"],
    ["silence", "add"],
    ["silence", "list"],
    ["silence", "expire"],
    ["route", "test"],
    ["route", "show"],
    ["notify", "test"],
    ["canary"],
    ["dlq", "list"],
    ["dlq", "replay"],
    ["status"],
    ["state", "reset-fence"],
    ["alerts"],
    ["completion"],
]

#: Those that start something, or whose output is a script.
WITHOUT_JSON = [["demo"], ["worker"], ["router"], ["completion"]]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No driftbell.yaml around, and no variable that names one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTBELL_CONFIG", raising=False)
    return tmp_path


def exit_code(*arguments: str) -> int:
    """What the shell would see."""
    try:
        return cli.main(arguments)
    except SystemExit as end:  # argparse's way of ending
        return end.code if isinstance(end.code, int) else 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_a_description_and_an_example(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*command, "--help") == ExitCode.OK

    text = capsys.readouterr().out
    assert f"example:\n  driftbell {' '.join(command)}" in text or "| driftbell" in text
    description = text.split("\n\n")[1]
    assert len(description) > 60
    # An example names no alert that there is not.
    known = (ROOT / "docs" / "monitors.md").read_text()
    examples = text.partition("example:\n")[2].partition("\n\n")[0]
    assert [name for name in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", examples) if name not in known] == []


def test_the_list_of_commands_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("--help")

    text = capsys.readouterr().out
    assert {command[0] for command in COMMANDS} <= set(text.split())
    assert "exit codes: 0 done, 1 failed, 2 wrong usage" in text


def test_help_does_not_load_what_only_running_needs() -> None:
    code = (
        "import sys; from driftbell.cli import main\n"
        "try: main(['worker', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'faust', 'confluent_kafka', 'river', 'numpy', 'redis', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code() == ExitCode.USAGE
    assert "usage: driftbell" in capsys.readouterr().err


def test_an_unknown_key_is_told_with_file_and_line(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_directory / "driftbell.yaml").write_text("worker:\n  tikc: 1s\n")

    assert exit_code("config", "check") == ExitCode.USAGE

    error = capsys.readouterr().err
    assert "driftbell.yaml:2:3: worker.tikc: unknown key" in error
    assert "Traceback" not in error


def test_several_mistakes_are_told_at_once(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_directory / "driftbell.yaml").write_text("worker:\n  tick: soon\njoin:\n  horizon: -1\n")

    exit_code("config", "check")

    assert "worker.tick" in (error := capsys.readouterr().err)
    assert "join.horizon" in error


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_options_may_stand_before_or_after_the_command(
    place: str, empty_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_directory / "mine.yaml").write_text("topics: {alerts: pages}\n")
    option = ["--config", "mine.yaml"]
    command = ["config", "show"]

    assert exit_code(*(option + command if place == "before" else command + option)) == ExitCode.OK
    assert "alerts: pages" in capsys.readouterr().out


def test_secrets_are_not_shown(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_directory / "driftbell.yaml").write_text(
        "kafka: {bootstrap.servers: 'a:1', security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: u,\n"
        "  sasl.password: hunter2}\n"
        "redis: {url: 'redis://:swordfish@localhost/0'}\n"
    )

    assert exit_code("config", "show") == ExitCode.OK
    text = capsys.readouterr().out
    assert "hunter2" not in text
    assert "swordfish" not in text
    assert "sasl.username: u" in text


def test_a_kafka_that_does_not_answer_is_one_line_with_a_fix(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("driftbell.topics.admin.TIMEOUT", 0.5)
    (empty_directory / "driftbell.yaml").write_text("kafka: {bootstrap.servers: '127.0.0.1:1'}\n")

    assert exit_code("topics", "check") == ExitCode.FAILED

    error = capfd.readouterr().err
    assert error.startswith("driftbell: no answer from Kafka at 127.0.0.1:1")
    assert "fix: is it running" in error
    assert len(error.splitlines()) == 2


def test_an_age_that_is_no_duration_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("events", "tail", "--since", "yesterday") == ExitCode.USAGE
    assert "--since yesterday" in capsys.readouterr().err


def test_the_fence_is_not_reset_without_saying_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("state", "reset-fence") == ExitCode.USAGE
    assert "stop all workers of group driftbell" in capsys.readouterr().err


def test_the_status_of_a_store_in_memory_cannot_be_seen(
    empty_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_directory / "driftbell.yaml").write_text("redis: {url: 'memory://'}\n")

    assert exit_code("status") == ExitCode.USAGE
    assert "memory://" in capsys.readouterr().err


def test_a_missing_extra_is_told_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "driftbell.demo.run", raising=False)
    monkeypatch.delitem(sys.modules, "driftbell.fakes.smtp", raising=False)
    monkeypatch.setitem(sys.modules, "aiosmtpd", None)
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    for name in [name for name in sys.modules if name.startswith("driftbell.demo.")]:
        monkeypatch.delitem(sys.modules, name)

    assert exit_code("demo") == ExitCode.FAILED
    assert "pip install 'driftbell[embedded]'" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("replay", "absent.jsonl") == ExitCode.USAGE
    assert "absent.jsonl: no such file" in capsys.readouterr().err


def test_errors_carry_their_exit_code_and_their_fix() -> None:
    assert str(CommandError("it is broken", "mend it")) == "it is broken\n  fix: mend it"
    assert str(CommandError("it is broken")) == "it is broken"
    assert (CommandError("x").exit_code, UsageError("x").exit_code) == (ExitCode.FAILED, ExitCode.USAGE)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (CommandError("no"), ExitCode.FAILED),
        (UsageError("no"), ExitCode.USAGE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_what_a_command_raises_becomes_an_exit_code(
    raised: BaseException, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_options: object) -> int:
        raise raised

    monkeypatch.setattr("driftbell.commands.topics.check", fail)

    assert exit_code("topics", "check") == code


@pytest.mark.slow
def test_a_closed_pipe_ends_the_command_without_a_word(empty_directory: Path) -> None:
    command = f"{sys.executable} -m driftbell config show | head -c 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )

    assert done.stdout == "k"
    assert done.stderr == ""


def test_the_module_runs_like_the_script(empty_directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "driftbell", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.startswith("driftbell ")


def test_replay_reports_what_it_left_out(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_directory / "p.jsonl").write_text(json.dumps({"nothing": 1}) + "\n{oops\n")

    assert exit_code("replay", "--quiet", "p.jsonl") == ExitCode.FAILED

    text = capsys.readouterr().out
    assert "2 entries were left out: not_an_event 1, not_json 1" in text
    assert "cannot say whether anything would have paged" in text


def test_the_list_of_commands_in_this_file_is_complete() -> None:
    from driftbell.completion import nodes

    assert {node.path for node in nodes(cli.parser()) if node.path and not node.commands} == set(map(tuple, COMMANDS))


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in WITHOUT_JSON], ids=" ".join)
def test_every_command_that_shows_something_has_json(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(*command, "--help")

    assert "--json" in capsys.readouterr().out


def test_capital_v_is_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("-V") == ExitCode.OK
    assert capsys.readouterr().out.startswith("driftbell ")


def test_config_as_json_can_be_read_by_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert exit_code("config", "show", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["worker"]["group"] == "driftbell"

    (tmp_path / "driftbell.yaml").write_text("worker: {tick: 0, colour: red}\n")
    assert exit_code("config", "check", "--json") == ExitCode.USAGE
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] is False
    assert ["tick" in told["problems"][0], "colour" in told["problems"][1]] == [True, True]


def test_every_mistake_under_monitors_is_shown_at_once_and_at_its_own_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "driftbell.yaml").write_text(
        "monitoring:\n"
        "  monitors:\n"
        "    no_such: {}\n"
        "    error_rate:\n"
        "      options:\n"
        "        colour: red\n"
        "        tolerance: much\n"
        "    silence: {options: {shape: round}}\n"
    )

    assert exit_code("config", "check") == ExitCode.USAGE
    told = capsys.readouterr().err
    for line, word in ((3, "no_such"), (6, "colour"), (7, "tolerance"), (8, "shape")):
        assert any(f"driftbell.yaml:{line}:" in one and word in one for one in told.splitlines()), (line, told)
