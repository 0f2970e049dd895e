"""Exit codes of the command line. They are a contract: scripts and orchestrators branch on them (docs/cli.md)."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the number means; the same for every command."""

    OK = 0
    #: The command ran and failed: a service is unreachable, a process died, a page did not arrive.
    FAILED = 1
    #: Wrong usage or an invalid configuration; nothing was started. argparse uses 2 as well.
    USAGE = 2
    #: A check ran and found something: ``topics check``, ``status``, ``config import``.
    FOUND = 3
    #: Stopped by Ctrl-C: 128 + SIGINT, as shells report it.
    INTERRUPTED = 130
