"""``pip install driftbell[embedded]`` is all that the demo needs, as the documents say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def built(source: Path, into: Path) -> None:
    """The wheel of a project folder."""
    code = "import hatchling.build as b, sys; b.build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(into)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def others_packages(into: Path) -> Path:
    """A folder with everything that the tests' environment has, but nothing of ours."""
    into.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "driftbell" not in entry.name:
            (into / entry.name).symlink_to(entry)
    return into


def test_the_demo_runs_from_the_built_wheels_in_an_empty_environment(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    source = tmp_path / "source"
    shutil.copytree(ROOT / "driftbell", source / "driftbell", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "client", source / "client", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    built(source, wheels)
    built(source / "client", wheels)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    [site] = environment.glob("lib/python3*/site-packages")
    (site / "others.pth").write_text(f"{others_packages(tmp_path / 'others')}\n")
    # What the libraries of others are is not the question; that none of ours is found but in the wheels is.
    python = [str(environment / "bin" / "python"), "-P"]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    install = [*python, "-m", "pip", "install", "--no-index", "--find-links", str(wheels), "driftbell[embedded]"]
    installed = subprocess.run(install, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    demo = [str(environment / "bin" / "driftbell"), "demo"]
    done = subprocess.run(demo, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "CLOSED" in done.stdout
