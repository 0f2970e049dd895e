"""Ports that nobody else takes: claimed by a lock file for the life of this process, outside the ephemeral range.

Binding port 0 and closing it again is not enough: a server that is killed and restarted needs the same port minutes later,
and by then an outgoing connection of any process may have been given it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

#: Below Linux's default ephemeral range (32768 to 60999), above the ports that services are registered on.
RANGE = range(20_000, 32_000)

_claims: list[IO[str]] = []


def claim_port() -> int:
    """Return a free TCP port of 127.0.0.1 that no other test process gets until this one ends.

    Raises:
        OSError: no port of the range is free.
    """
    folder = Path(tempfile.gettempdir()) / f"driftbell-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    first = random.randrange(len(RANGE))
    for step in range(len(RANGE)):
        port = RANGE[(first + step) % len(RANGE)]
        claim = (folder / str(port)).open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            continue
        if _is_free(port):
            # Keeping the file open keeps the lock; the kernel drops it when the process ends, however it ends.
            _claims.append(claim)
            return port
        claim.close()
    raise OSError(f"no free port between {RANGE.start} and {RANGE.stop}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
