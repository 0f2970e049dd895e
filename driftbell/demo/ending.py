"""How the demo ends when it is interrupted: it says so at once, and it is gone within two seconds whatever it was doing.

Nothing that the demo made is worth keeping, so nothing is drained: the processes are killed, and what the main thread
does on its way out (closing clients and sockets) has a limit, after which a thread ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from driftbell.exit_codes import ExitCode

#: Seconds from the signal until the process ends by force; the user is promised two.
LIMIT = 1.4

STOPPING = "stopping ..."

#: SIGHUP: the terminal was closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """A context manager: inside, the first Ctrl-C, SIGTERM or SIGHUP becomes one KeyboardInterrupt, and further ones nothing.

    Imports nothing heavy, so that it can be entered before the imports of which an interrupt must not be lost.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._kill: Callable[[], None] = _nothing
        self._remove: Callable[[], None] = _nothing
        self._before: dict[signal.Signals, object] = {}
        self.begun = False

    def clean(self, kill: Callable[[], None], remove: Callable[[], None]) -> None:
        """What is to be done in any case.

        Args:
            kill: ends every process; called at once, from another thread.
            remove: removes every file; called when the time is up, from another thread.
        """
        self._kill, self._remove = kill, remove
        if self.begun:
            kill()

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # A shell starts background jobs with SIGINT ignored; that is its wish, and stays.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.begun:
            # Not by way of the interpreter: it would destroy clients of a Kafka that is gone, which takes seconds, and end
            # with the signal instead of a code if the interrupt had met an `exec` of an import (CPython's main.c).
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(ExitCode.INTERRUPTED)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # as signal.signal returned it

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self.begun:
            return
        self.begun = True
        # Not by way of sys.stdout: the signal may have come in the middle of a write to it.
        os.write(sys.__stdout__.fileno() if sys.__stdout__ is not None else 1, _line().encode())
        threading.Thread(target=self._end, name="ending", daemon=True).start()
        raise KeyboardInterrupt

    def _end(self) -> None:
        self._kill()
        threading.Event().wait(self._limit)
        self._kill()
        self._remove()
        os._exit(ExitCode.INTERRUPTED)


def _line() -> str:
    # On a terminal a status line may stand where the words go.
    terminal = sys.__stdout__ is not None and sys.__stdout__.isatty()
    return f"\r\x1b[K{STOPPING}\n" if terminal else f"{STOPPING}\n"


def _nothing() -> None:
    pass
