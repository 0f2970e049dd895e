"""A worker's wall clock in the hands of a fault, by libfaketime; the monotonic clock stays true, as on a real machine."""

from __future__ import annotations

from pathlib import Path

from tests.faults.scenario import Run
from tests.services.missing import missing

#: Where Debian's and Fedora's packages put it.
_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")


def clock_environment(folder: Path) -> dict[str, str]:
    """The environment of a process whose clock follows ``set_clock``; skips (in CI: fails) without libfaketime."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    if not found:
        missing("libfaketime", "apt-get install libfaketime")
    _file(folder).parent.mkdir(parents=True, exist_ok=True)
    _file(folder).write_text("+0")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(_file(folder)),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(run: Run, seconds: int) -> None:
    """Put the clock of the process ``seconds`` ahead of the true time."""
    scratch = _file(run.folder).with_suffix(".new")
    scratch.write_text(f"{seconds:+d}")
    scratch.replace(_file(run.folder))


def _file(folder: Path) -> Path:
    return folder / "faketime"
