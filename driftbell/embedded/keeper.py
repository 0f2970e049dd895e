"""Run a command that cannot outlive its parent. Standard library only; started as a script, not imported.

    python -I -S keeper.py PARENT_PID COMMAND [ARGUMENT...]

On Linux the kernel does it: PR_SET_PDEATHSIG (prctl(2)) survives ``execve``, so this process marks itself and becomes
the command. It is a program of its own, not a ``preexec_fn``, because Python code between fork and exec can deadlock
in a parent that has threads, and ours has librdkafka's. Elsewhere this process stays and looks after its parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

#: <linux/prctl.h>
PR_SET_PDEATHSIG = 1

#: Seconds between two looks at the parent where the kernel does not tell.
WATCH_INTERVAL = 0.25


def become(parent: int, command: list[str]) -> None:
    """Mark this process to die with ``parent``, then turn into ``command``. Linux only; does not return."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the mark was set, so no signal will come
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is ours


def watch(parent: int, command: list[str]) -> int:
    """Run ``command`` as a child, end it when ``parent`` is gone, return its exit code."""
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    while child.poll() is None:
        if os.getppid() != parent:
            child.kill()
        time.sleep(WATCH_INTERVAL)
    return child.returncode


if __name__ == "__main__":
    if sys.platform == "linux":
        become(int(sys.argv[1]), sys.argv[2:])
    else:
        sys.exit(watch(int(sys.argv[1]), sys.argv[2:]))
