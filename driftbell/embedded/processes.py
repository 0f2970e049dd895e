"""Child processes that never outlive us: not after Ctrl-C, not after an error, not after SIGKILL of the parent.

Three nets, one under the other: ``stop`` ends them gracefully, leaving the context kills what is left, and the keeper
(``keeper.py``) makes the kernel kill them should this process die without doing either.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

KEEPER = Path(__file__).with_name("keeper.py")

#: Seconds between two looks at a child that is to end.
_POLL = 0.02


class ChildProcess:
    """One child: its name for people, its log file, its process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self.process.poll()

    def log_tail(self, lines: int = 12) -> str:
        """The last lines it wrote, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class ProcessGroup:
    """The children of one command; a context manager that leaves none behind.

    Each child is the leader of a process group of its own, so that the terminal's Ctrl-C reaches only us and we decide
    the order in which they end. Start children from the main thread only: the kernel ties PR_SET_PDEATHSIG to the
    thread that started the child, and ends the child with that thread.
    """

    def __init__(self, log_directory: Path) -> None:
        self._log_directory = log_directory
        self.children: list[ChildProcess] = []

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> ChildProcess:
        """Start ``command`` with its output in ``<name>.log``. Raises OSError when it cannot be started."""
        path = self._log_directory / f"{name}.log"
        kept = [sys.executable, "-I", "-S", str(KEEPER), str(os.getpid()), *command]
        with path.open("ab") as log:
            process = subprocess.Popen(
                kept, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env, process_group=0
            )
        child = ChildProcess(name, process, path)
        self.children.append(child)
        return child

    def stop(self, grace: float) -> None:
        """End all children with SIGTERM, the last started first and together; after ``grace`` seconds with SIGKILL."""
        for child in reversed(self.children):
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(child.exit_code is None for child in self.children):
            time.sleep(_POLL)
        self.kill()

    def kill(self) -> None:
        """End all children at once and collect them."""
        for child in self.children:
            _signal(child, signal.SIGKILL)
        for child in self.children:
            child.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _signal(child: ChildProcess, number: signal.Signals) -> None:
    # Only while the leader is uncollected: afterwards its number may belong to someone else.
    if child.exit_code is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)
