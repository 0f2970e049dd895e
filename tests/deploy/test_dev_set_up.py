"""Setting up the developer's environment: all or nothing, and repaired when it is broken."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

from tests.services.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of a clone the set-up reads."""
    for name in ("dev", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "client").mkdir()
    shutil.copy(ROOT / "client" / "pyproject.toml", tmp_path / "client")
    for room in ("alerting", "runtime", "schemas", "streams"):
        (tmp_path / "driftbell" / room).mkdir(parents=True)
    return tmp_path


def _loaded(checkout: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("dev_of_the_checkout", str(checkout / "dev"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def dev(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of that clone, whose environments are made in no time: without pip, and one module is all it installs."""
    monkeypatch.delenv("DRIFTBELL_DEV_PYTHON", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = _loaded(checkout)
    monkeypatch.setattr(module, "NEEDED", ("installed_module",))
    monkeypatch.setattr(module, "install", lambda python: _module_of(python.parents[1]).touch())
    monkeypatch.setattr(module, "make_venv", lambda folder: venv.create(folder, symlinks=True, with_pip=False))
    return module


def _module_of(environment: Path) -> Path:
    (site,) = environment.glob("lib/python*/site-packages")
    return site / "installed_module.py"


def _left(checkout: Path) -> set[str]:
    return {path.name for path in checkout.iterdir() if path.name.startswith(".venv")}


def test_ctrl_c_in_the_middle_leaves_no_half_made_environment(checkout: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(checkout / "dev"), "run", "true"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # A test run in the background ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads yet
        env={name: value for name, value in os.environ.items() if name != "DRIFTBELL_DEV_PYTHON"},
    )
    try:
        wait_until((checkout / ".venv.new" / "pyvenv.cfg").exists, "the environment is being made", timeout=30)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=30)[0].decode()
    finally:
        process.kill()

    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert _left(checkout) == set()


def test_a_program_runs_where_its_caller_stands_so_that_it_finds_the_callers_files(
    dev: ModuleType, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = tmp_path / "elsewhere"
    caller.mkdir()
    monkeypatch.chdir(caller)
    asked = _loaded(checkout)  # as `python3 CLONE/dev` is
    monkeypatch.setattr(asked, "use_a_python_that_fits", lambda: None)
    monkeypatch.setattr(asked, "rooms_are_linked", lambda: None)
    monkeypatch.setattr(asked, "set_up", lambda: None)
    monkeypatch.setattr(asked, "become", lambda command: Path.cwd())

    assert asked.main(["run", "driftbell", "replay", "mine.csv"]) == caller


@pytest.mark.slow
def test_an_environment_that_is_made_aside_works_at_its_place(
    dev: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "make_venv", _loaded(checkout).make_venv)
    dev.set_up()

    assert _left(checkout) == {".venv"}
    pip = subprocess.run([checkout / ".venv" / "bin" / "pip", "--version"], capture_output=True, text=True, check=False)
    assert pip.returncode == 0, pip.stderr
    assert f"{checkout}/.venv/lib" in pip.stdout
    mentioned = [file.name for file in (checkout / ".venv" / "bin").iterdir() if b".venv.new" in file.read_bytes()]
    assert mentioned == []


def test_an_environment_that_lacks_something_is_made_again(
    dev: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.set_up()
    _module_of(checkout / ".venv").unlink()
    dev.set_up()

    assert ".venv does not work: making it again" in capsys.readouterr().out
    assert _module_of(checkout / ".venv").exists()


def test_what_works_is_left_alone_and_what_fails_changes_nothing(
    dev: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up()
    made = (checkout / ".venv").stat().st_ino
    dev.set_up()
    assert (checkout / ".venv").stat().st_ino == made

    def fail(_python: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "install", fail)
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    with pytest.raises(KeyboardInterrupt):
        dev.set_up()

    assert _left(checkout) == {".venv"}
    assert (checkout / ".venv").stat().st_ino == made


def test_how_the_code_is_linted_makes_no_environment_anew(dev: ModuleType, checkout: Path) -> None:
    before = dev.fingerprint()
    file = checkout / "pyproject.toml"
    file.write_text(file.read_text() + "\n[tool.another]\nline-length = 1\n")
    assert dev.fingerprint() == before
    file.write_text(file.read_text().replace('"numpy>=2.0"', '"numpy>=2.1"'))
    assert dev.fingerprint() != before


def test_a_checkout_without_symbolic_links_says_how_to_get_them(checkout: Path) -> None:
    """With core.symlinks=false git writes a text file that holds the target's name."""
    (checkout / "driftbell" / "streams").rmdir()
    (checkout / "driftbell" / "streams").write_text("../streams")
    result = subprocess.run(
        [sys.executable, str(checkout / "dev"), "lint"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert "driftbell/streams should be a symbolic link" in result.stderr
    assert "core.symlinks=true" in result.stderr


def test_a_python_that_is_not_supported_is_refused_by_name(checkout: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(checkout / "dev"), "test", "--python", "3.9"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert "--python takes one of 3.11, 3.12, 3.13, 3.14, not '3.9'" in result.stderr
