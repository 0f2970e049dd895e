"""The files of past trouble that lie beside the repository, for tests that replay them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve()


def case(name: str) -> Path:
    """The file ``shared/cases/<name>`` beside the repository, or beside a folder above it.

    Without it the test is skipped, as a clone has none; where ``CI=true`` it fails.
    """
    for folder in _HERE.parents:
        path = folder / "shared" / "cases" / name
        if path.is_file():
            return path
    # A worktree lies elsewhere than the repository that it belongs to.
    git = _HERE.parents[1] / ".git"
    if git.is_file():
        for folder in Path(git.read_text().removeprefix("gitdir:").strip()).parents:
            path = folder / "shared" / "cases" / name
            if path.is_file():
                return path
    missing = f"no shared/cases/{name} beside the repository"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
