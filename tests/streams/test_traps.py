"""docs/engine.md names a test for everything that could go wrong; each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
TRAPS = [f"T{number}" for number in range(1, 25)]

_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> dict[str, str]:
    """The row of each trap."""
    return {row.split("|")[1].strip(): row for row in DOCUMENT.splitlines() if re.match(r"\| T\d+ \|", row)}


def defined_in(file: str) -> set[str]:
    """The tests that a file defines."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


def test_no_trap_is_left_out() -> None:
    assert list(rows()) == TRAPS


@pytest.mark.parametrize("trap", TRAPS)
def test_the_tests_of_a_trap_exist(trap: str) -> None:
    named = _NAMED.findall(rows()[trap])

    assert named
    assert [name for file, name in named if name not in defined_in(file)] == []


def test_every_file_named_in_the_document_exists() -> None:
    files = re.findall(r"`(tests/[\w/]+\.py)", DOCUMENT)
    modules = re.findall(r"`((?:\w+/)?\w+\.py|\w+/)`", DOCUMENT)

    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert [name for name in modules if not (ROOT / "streams" / name).exists() and not (ROOT / name).exists()] == []
