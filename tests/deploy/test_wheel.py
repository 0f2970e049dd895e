"""The package that is installed: complete, under one name, importing from nowhere else, and itself in any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
ROOMS = sorted(path.name for path in (ROOT / "driftbell").iterdir() if path.is_symlink())

#: Modules of somebody else's project, with the names of our folders; whoever imports one of them has taken the wrong one.
TRAP = 'raise SystemExit(f"{__name__} of the current folder was imported")\n'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the Dockerfile copies, so that the checkout's other files cannot help."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _build(kind: str, source: Path, folder: Path) -> Path:
    """Let the build backend make a wheel (``build_wheel`` or ``build_editable``) as pip does."""
    code = f"import hatchling.build as b, sys; print(b.{kind}(sys.argv[1]))"
    result = _run([sys.executable, "-c", code, str(folder)], source)
    assert result.returncode == 0, result.stderr
    return folder / result.stdout.split()[-1]


def _run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without what would lead Python to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DRIFTBELL_", "COV_"))}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False, env={**kept, **environment}
    )


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("build_wheel", source, tmp_path_factory.mktemp("wheel"))


def _installed(wheel: Path, folder: Path) -> Path:
    """The Python of a new environment with the wheel in it, and beside it the dependencies of the one that runs us."""
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # A .pth line is added to the end of the path: what the wheel brings comes first.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet"]
    result = _run([*pip, "--disable-pip-version-check", "--force-reinstall", str(wheel)], folder)
    assert result.returncode == 0, result.stderr
    return python


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _installed(wheel, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The folder of a project that has modules and packages with the names of all our rooms."""
    for room in ROOMS:
        (tmp_path / f"{room}.py").write_text(TRAP)
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(TRAP)
    return tmp_path


def test_it_holds_every_file_of_every_room(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = {
        (Path(folder) / name).relative_to(ROOT).as_posix()
        for package in PACKAGES
        # The rooms are links to the folders at the top of the repository.
        for folder, _, names in os.walk(ROOT / package, followlinks=True)
        for name in names
        if "__pycache__" not in folder
    }

    assert any(name.endswith(".lua") for name in files)
    assert files - packed == set()


def test_it_brings_one_name_its_licence_and_its_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    (information,) = (top for top in tops if top.endswith(".dist-info"))

    assert tops == {"driftbell", information}
    assert f"{information}/licenses/LICENSE" in names
    assert "driftbell/py.typed" in names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-m", "driftbell", "--help"], "usage: driftbell"),
        (["-m", "driftbell", "config", "check"], "valid"),
        (
            ["-c", "import driftbell.streams.app, driftbell.alerting.process.service as s; print(s.__file__)"],
            "service.py",
        ),
    ],
    ids=["help", "config check", "worker and router"],
)
def test_it_runs_in_a_folder_with_modules_of_the_same_names(
    python: Path, hostile: Path, arguments: list[str], says: str
) -> None:
    result = _run([str(python), *arguments], hostile)

    assert result.returncode == 0, result.stderr
    assert says in result.stdout
    assert str(ROOT) not in result.stdout


def test_the_health_check_of_the_image_runs_in_such_a_folder(python: Path, hostile: Path) -> None:
    check = (ROOT / "Dockerfile").read_text().partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0]
    words = [word.strip(' "') for word in check.strip("[]").split(",")]
    result = _run([str(python), *words[1:], "http://127.0.0.1:1/healthz"], hostile)

    assert (result.returncode, result.stderr) == (1, "")
    assert "Connection refused" in result.stdout


@pytest.mark.slow
def test_an_editable_installation_runs_the_source_in_such_a_folder(
    source: Path, hostile: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    editable = _build("build_editable", source, tmp_path_factory.mktemp("editable"))
    python = _installed(editable, tmp_path_factory.mktemp("installed"))
    code = "import driftbell.streams.subject as s; print(s.__file__)"
    result = _run([str(python), "-c", code], hostile)

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(source))


@pytest.mark.slow
def test_faust_s_own_command_finds_the_worker(python: Path, hostile: Path) -> None:
    """``faust -A driftbell.streams.app worker``, as Faust's users expect."""
    result = _run([str(python), "-m", "faust", "-A", "driftbell.streams.app", "worker", "--help"], hostile)

    assert result.returncode == 0, result.stderr
    assert "worker" in result.stdout
