"""``driftbell route``: where an alert would go, as ``amtool config routes test`` says it, and at what hour."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from driftbell import cli
from driftbell.exit_codes import ExitCode
from tests.services.missing import missing

ROUTER = {
    "time_intervals": [
        {
            "name": "nights",
            "time_intervals": [
                {"times": [{"start_time": "00:00", "end_time": "08:00"}], "location": "Europe/Berlin"},
            ],
        }
    ],
    "route": {
        "receiver": "team",
        "group_by": ["model"],
        "routes": [
            {"matchers": ['severity="critical"'], "receiver": "oncall", "continue": True},
            {"matchers": ['severity=~"critical|warning"'], "receiver": "team", "mute_time_intervals": ["nights"]},
            {"matchers": ['model=""'], "receiver": "nobody"},
        ],
    },
    "receivers": [{"name": "team"}, {"name": "oncall"}, {"name": "nobody"}],
}

LABELS = [
    ["model=fraud", "severity=critical"],
    ["model=fraud", "severity=warning"],
    ["model=fraud", "severity=info"],
    ["severity=info"],
    ["model=", "severity=info"],
]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "driftbell.yaml"
    path.write_text(yaml.safe_dump({"router": ROUTER}))
    return str(path)


@pytest.mark.parametrize("labels", LABELS, ids=" ".join)
def test_it_reaches_the_receivers_that_amtool_names(
    labels: list[str], file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    amtool = shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")
    theirs = tmp_path / "alertmanager.yml"
    theirs.write_text(yaml.safe_dump(ROUTER))
    command = [amtool, "config", "routes", "test", f"--config.file={theirs}", *labels]
    expected = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")

    assert cli.main(["route", "test", *labels, "--json", "-c", file, "--receivers", ",".join(expected)]) == ExitCode.OK

    assert [json.loads(line)["receiver"] for line in capsys.readouterr().out.splitlines()] == expected


def test_receivers_that_are_not_reached_are_found(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["route", "test", "severity=info", "model=a", "--receivers", "oncall,team", "-c", file])

    assert code == ExitCode.FOUND
    assert "expected oncall, team; it reaches team" in capsys.readouterr().out


@pytest.mark.parametrize(("at", "muted"), [("2026-12-25T03:00:00+01:00", ["nights"]), ("2026-12-25T07:30:00Z", [])])
def test_a_route_that_is_mute_at_that_hour_says_so(
    at: str, muted: list[str], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["route", "test", "model=a", "severity=warning", "--at", at, "--json", "-c", file]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["muted_by"] == muted

    cli.main(["route", "test", "model=a", "severity=warning", "--at", at, "-c", file])
    assert ("MUTE: nights" in capsys.readouterr().out) is bool(muted)


def test_the_tree_is_shown(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["route", "show", "-c", file]) == ExitCode.OK

    shown = capsys.readouterr().out
    assert shown.splitlines()[:2] == ["all alerts  ->  team", '    {severity="critical"}  ->  oncall  (continues)']


@pytest.mark.parametrize("wrong", [["model"], ["=x"], ["a=1", "a=2"], ["a=1", "--at", "noon"]])
def test_what_is_no_label_or_time_is_refused(wrong: list[str], file: str) -> None:
    assert cli.main(["route", "test", *wrong, "-c", file]) == ExitCode.USAGE


def test_without_a_route_everything_goes_to_the_log_as_the_router_does_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "driftbell.yaml"
    path.write_text("router: {shutdown_grace: 5s}\n")
    for command in (["route", "test", "model=fraud"], ["route", "show"]):
        assert cli.main(["--config", str(path), *command, "--json"]) == ExitCode.OK
        [shown] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert shown["receiver"] == "log"


def test_the_group_of_an_alert_without_the_label_is_that_of_those_without_it(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["route", "test", "severity=info", "-c", file]) == ExitCode.OK

    assert "    group: without model\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["a=1", "--receivers", "oncal"], "there is no receiver 'oncal'\n  fix: did you mean oncall?"),
        (["model=~fraud"], "'model=~fraud' is a matcher, and an alert has labels"),
        (["model!=fraud"], "'model!=fraud' is a matcher, and an alert has labels"),
        (["a=1", "--at", "2026-12-25T03:00:00"], "--at: '2026-12-25T03:00:00' has no zone"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused_with_the_fix(
    wrong: list[str], said: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["route", "test", *wrong, "-c", file]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_the_whole_of_each_route_is_shown_when_asked_for(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["route", "show", "--long", "-c", file]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert shown.count("groups by model") == 4
    assert shown.count("first message after 30 s, news after 5 min, repeats after 4 h") == 4
    assert "      mute in nights\n" in shown

    assert cli.main(["route", "show", "--json", "-c", file]) == ExitCode.OK
    routes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["mute_time_intervals"] for one in routes] == [[], [], ["nights"], []]
    assert {one["group_wait_ms"] for one in routes} == {30_000}
