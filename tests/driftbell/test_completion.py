"""Tab completes what can be typed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from driftbell import cli
from driftbell.completion import SHELLS, nodes

TREE = list(nodes(cli.parser()))


def completed(*words: str) -> set[str]:
    """What bash offers for the last word."""
    script = SHELLS["bash"](TREE)
    line = " ".join(f"'{word}'" for word in words)
    code = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _driftbell; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_command_is_completed() -> None:
    assert completed("driftbell", "st") == {"state", "status"}
    assert completed("driftbell", "topics", "") >= {"create", "list", "check", "--help"}


def test_a_command_is_found_behind_options_and_their_values() -> None:
    assert completed("driftbell", "--log-level", "debug", "topics", "ch") == {"check"}


def test_an_option_and_its_values_are_completed() -> None:
    assert completed("driftbell", "events", "tail", "--m") == {"--model"}
    assert completed("driftbell", "events", "tail", "--topic", "alerts") == {"alerts", "alerts-active"}
    assert completed("driftbell", "worker", "--log-level", "") == {"debug", "info", "warning", "error"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script_of_every_shell(shell: str) -> None:
    script = SHELLS[shell](TREE)

    for node in TREE:
        assert all(name in script for name in node.commands)
        assert all(name.lstrip("-") in script for names in node.options for name in names)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_understood_by_its_shell(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=SHELLS[shell](TREE), text=True, check=True)
