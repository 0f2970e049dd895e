"""A server process of the tests: started, stopped, killed, frozen and never left behind."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

#: Linux kills the child when we die, even by SIGKILL. ``setpriv`` (util-linux) rather than ``preexec_fn``, which forks
#: and so may deadlock in a process with threads (librdkafka has many).
_SETPRIV = shutil.which("setpriv")
_PREFIX = [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []

_LOG_TAIL_BYTES = 6_000

_alive: weakref.WeakSet[ServiceProcess] = weakref.WeakSet()


class ServiceProcess:
    """One server in its own session, so that Ctrl-C in the terminal reaches pytest alone and pytest stops the server.

    Subclasses give the command and tell when the server answers. All calls block; in an async test use
    ``asyncio.to_thread(server.restart)``.
    """

    name: str = "service"
    start_timeout: float = 60.0
    stop_timeout: float = 15.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def command(self) -> Sequence[str]:
        """The command line."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether the server serves requests now."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """The process id, None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process exists (frozen counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until the server answers.

        Raises:
            RuntimeError: it exited or did not answer in ``start_timeout``; the message ends with its log.
        """
        self.launch()
        self.wait_until_it_answers()

    def launch(self) -> None:
        """Start without waiting, for servers that only answer once their peers are there."""
        if self.running:
            return
        command = [*_PREFIX, *self.command()]
        with self.log.open("ab") as log:
            self._process = _spawn(
                lambda: subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
                )
            )
        _alive.add(self)

    def wait_until_it_answers(self) -> None:
        """Wait for a server that was launched. Raises as ``start``."""
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            if not self.running:
                code = self._process.returncode if self._process else None
                raise RuntimeError(f"{self.name} exited with {code}\n{self.log_tail()}")
            if self.answers():
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"{self.name} did not answer within {self.start_timeout:g} s\n{self.log_tail()}")

    def stop(self) -> None:
        """SIGTERM and wait; SIGKILL when it does not end in ``stop_timeout``. Does nothing when it does not run."""
        if not self.running:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        if not self._wait(self.stop_timeout):
            self.kill()
        _alive.discard(self)

    def kill(self) -> None:
        """SIGKILL: no clean-up, as after a power cut of the process."""
        if not self.running:
            return
        self._signal(signal.SIGKILL)
        self._wait(10.0)
        _alive.discard(self)

    def restart(self, *, kill: bool = False) -> None:
        """Stop (or kill) and start again with the same data on the same port."""
        if kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The end of the server's own log."""
        if not self.log.exists():
            return f"--- {self.name} wrote no log ---"
        text = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        return f"--- end of {self.name}'s log ---\n{text}"

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _wait(self, timeout: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True


class _Launcher:
    """The one thread that starts processes, for as long as we live.

    The kernel sends the parent-death signal when the *thread* that started the child ends, so a server (re)started from
    a short-lived worker thread (``asyncio.to_thread``) would be killed with it.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="launcher", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._jobs.get()()

    def spawn(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        answer: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()

        def job() -> None:
            try:
                answer.put(start())
            except OSError as error:
                answer.put(error)

        self._jobs.put(job)
        result = answer.get()
        if isinstance(result, OSError):
            raise result
        return result


_launcher: _Launcher | None = None


def _spawn(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    global _launcher  # noqa: PLW0603 - started on first use, so that importing this module starts no thread
    if _launcher is None:
        _launcher = _Launcher()
    return _launcher.spawn(start)


@atexit.register
def _kill_what_is_left() -> None:
    for process in list(_alive):
        process.kill()
