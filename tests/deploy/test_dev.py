"""The developer's entry script and CI's."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEV = ROOT / "dev"
SOURCE = DEV.read_text()


def _dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(DEV), *arguments], capture_output=True, text=True, check=False)


def test_it_needs_nothing_but_python() -> None:
    imported = {
        alias.name.partition(".")[0] if isinstance(node, ast.Import) else (node.module or "").partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert imported - set(sys.stdlib_module_names) == set()


def test_an_old_python_can_read_it_and_say_that_it_is_too_old() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))

    assert "driftbell needs" in SOURCE


def test_help_names_every_command() -> None:
    result = _dev("help")
    commands = re.search(r"^COMMANDS = \{(.*?)^\}$", SOURCE, re.MULTILINE | re.DOTALL)

    assert result.returncode == 0
    assert commands
    for name in re.findall(r'"(\w+)":', commands[1]):
        assert f"python3 dev {name}" in result.stdout


def test_an_unknown_command_is_refused_with_the_help() -> None:
    result = _dev("tset")

    assert result.returncode == 2
    assert "there is no command 'tset'" in result.stderr
    assert "python3 dev test" in result.stderr


def test_every_marker_there_is_makes_a_test_long() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    markers = {line.partition(":")[0] for line in options["markers"]}
    quick = re.search(r'^QUICK = "not \((.*)\)"$', SOURCE, re.MULTILINE)

    long = re.search(r'^LONG = "(.*)"$', SOURCE, re.MULTILINE)

    assert quick
    assert set(quick[1].split(" or ")) == markers
    assert long
    assert long[1] == quick[1]


def test_the_readme_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()

    assert "python3 dev demo" in readme
    assert "python3 dev test" in readme


def test_ci_runs_the_lint_and_the_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    assert "set -euo pipefail" in script
    assert "export CI=true" in script
    assert script.rstrip().endswith("python3 dev lint\npython3 dev test --coverage")


@pytest.mark.parametrize("script", [DEV, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_are_executable(script: Path) -> None:
    assert script.stat().st_mode & 0o111 == 0o111
