"""The project's files and what its modules import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, as git knows them; also new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so which files belong to the project is not known")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module, read once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax tree) of every module of the rooms."""
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and name.startswith(tuple(f"{room}/" for room in rooms)):
            yield name, parsed(path)


@cache
def imports(tree: ast.Module) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of every import, inside functions too; for type checkers alone does not count."""
    found: list[tuple[int, str]] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            found += ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.append((node.lineno, module))
            found += ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif not isinstance(node, ast.expr):
            waiting += ast.iter_child_nodes(node)
    return tuple(sorted(found))
